//! Who may in: users, passwords and TLS against a real server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use redis::RedisError;
use service::config::Secret;
use service::redis::RedisArgs;
use test_support::{RedisOptions, RedisServer, redis_args};

async fn ping(args: &RedisArgs) -> Result<String, RedisError> {
    let config = args.convert().expect("valid settings");
    let mut connection = config.connect_once(Duration::from_secs(5)).await?;
    redis::cmd("PING").query_async(&mut connection).await
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[tokio::test]
async fn user_and_password_come_from_the_address_the_environment_or_a_file() {
    let acl = ["--user", "ingest", "on", ">hunter2", "~*", "+@all"].map(str::to_owned).to_vec();
    let server = RedisServer::start_with(RedisOptions { arguments: acl, ..RedisOptions::default() }).await;
    let directory = tempfile::tempdir().expect("temporary directory");
    let in_address = redis_args(&format!("redis://ingest:hunter2@127.0.0.1:{}", server.port()));
    let named = RedisArgs { redis_username: Some("ingest".to_owned()), ..redis_args(&server.url()) };
    let in_environment = RedisArgs { redis_password: Some(Secret::new("hunter2")), ..named.clone() };
    let file = write(directory.path(), "password", "hunter2\n");
    let in_file = RedisArgs { redis_password_file: Some(file), ..named.clone() };
    for args in [in_address, in_environment, in_file] {
        assert_eq!(ping(&args).await.expect("let in"), "PONG");
    }
    let wrong = RedisArgs { redis_password: Some(Secret::new("hunter3")), ..named };
    let error = ping(&wrong).await.expect_err("a wrong password");
    assert!(!error.to_string().contains("hunter"), "{error}");
}

#[tokio::test]
async fn tls_server_is_trusted_by_its_authority_only() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let certificate = write(directory.path(), "certificate.pem", &cert.pem());
    let key = write(directory.path(), "key.pem", &signing_key.serialize_pem());
    let tls = Some((certificate.clone(), key));
    let server = RedisServer::start_with(RedisOptions { tls, ..RedisOptions::default() }).await;
    let trusting = RedisArgs { redis_ca_file: Some(certificate), ..redis_args(&server.url()) };
    assert_eq!(ping(&trusting).await.expect("trusted"), "PONG");
    assert!(ping(&redis_args(&server.url())).await.is_err(), "the system does not know this authority");
}

#[test]
fn settings_that_cannot_be_used_name_their_variable() {
    let message = |args: RedisArgs| args.convert().map(drop).expect_err("refused").to_string();
    assert!(message(redis_args("http://:s3cret@x")).starts_with("REDIS_URL: "));
    assert!(!message(redis_args("http://:s3cret@x")).contains("s3cret"));
    let file = RedisArgs { redis_password_file: Some("/nonexistent".into()), ..redis_args("redis://x") };
    assert!(message(file).starts_with("REDIS_PASSWORD_FILE: "));
    let ca = RedisArgs { redis_ca_file: Some("/nonexistent".into()), ..redis_args("rediss://x") };
    assert!(message(ca).starts_with("REDIS_CA_FILE: "));
}
