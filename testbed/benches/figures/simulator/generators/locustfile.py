"""One event again and again; with a rate, each user keeps its share of it."""

import os
import pathlib

from locust import FastHttpUser, constant, constant_throughput, task

BODY = pathlib.Path(os.environ["EVENT_FILE"]).read_bytes()
RATE_PER_USER = float(os.environ["RATE_PER_USER"])


class Sender(FastHttpUser):
    wait_time = constant_throughput(RATE_PER_USER) if RATE_PER_USER else constant(0)

    @task
    def send(self):
        headers = {"content-type": "application/cloudevents+json"}
        self.client.post("/v1/events", data=BODY, headers=headers)
