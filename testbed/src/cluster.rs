//! The testbed on a Kubernetes cluster: which cluster, what is applied to it, and what its pods are doing.

pub mod apply;
pub mod compose;
pub mod confirm;
pub mod connect;
pub mod deployment;
pub mod diff;
pub mod follow;
pub mod forward;
pub mod inventory;
pub mod kinds;
mod leaving;
pub mod objects;
pub mod placement;
pub mod pods;
pub mod prune;
pub(crate) mod quantity;
pub mod rights;
pub mod rollout;
pub mod watch;
pub mod words;

/// Where everything of the testbed is, as `kubernetes/base` has it.
pub const NAMESPACE: &str = "testbed";

/// The field manager of server-side apply, and the value of the label [`MANAGED_BY`].
pub const MANAGER: &str = "testbed";

/// Says who made an object (kubernetes.io: recommended labels). What lacks it is never changed nor deleted.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Says what an object belongs to.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
