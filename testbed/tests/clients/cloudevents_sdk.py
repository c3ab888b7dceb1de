"""The official CloudEvents SDK for Python sends events; the query API gives them back unchanged.

usage: cloudevents_sdk.py INGEST_URL QUERY_URL
"""

import json
import sys
import time
import unittest
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

DEADLINE_S = 30


def new_event(data, **attributes):
    return CloudEvent(
        attributes={
            "id": str(uuid.uuid4()),
            "source": "/clients/python",
            "type": "testbed.client",
            "time": datetime.now(timezone.utc),
            **attributes,
        },
        data=data,
    )


def post(headers, body):
    """The position of each event of an accepted request."""
    request = urllib.request.Request(f"{ingest_url}/v1/events", data=body, headers=headers)
    with urllib.request.urlopen(request) as response:
        assert response.status == 202, response.status
        return [event["position"] for event in json.load(response)["events"]]


def query(position):
    """The event at a position, once it is queryable, as the SDK reads it."""
    started = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(f"{query_url}/v1/events/{position}") as response:
                event = json.load(response)["event"]
                event.pop("traceparent")
                return JSONFormat().read(CloudEvent, json.dumps(event))
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() - started > DEADLINE_S:
                raise
        time.sleep(0.02)


class CloudEventsSdk(unittest.TestCase):
    def assert_same(self, sent, found):
        self.assertEqual(found.get_attributes(), sent.get_attributes())
        self.assertEqual(found.get_data(), sent.get_data())

    def test_structured_event_arrives_unchanged(self):
        sent = new_event({"value": 21.5, "text": "ä\n\"\\ \u2028"}, datacontenttype="application/json", subject="s")
        message = to_structured_event(sent)
        (position,) = post(message.headers, message.body)
        self.assert_same(sent, query(position))

    def test_structured_bytes_arrive_unchanged(self):
        sent = new_event(bytes(range(256)), datacontenttype="application/octet-stream")
        message = to_structured_event(sent)
        (position,) = post(message.headers, message.body)
        self.assert_same(sent, query(position))

    def test_binary_event_arrives_unchanged(self):
        sent = new_event({"value": 1e-3, "list": [1, None]}, datacontenttype="application/json", note='100 % "ä"')
        message = to_binary_event(sent)
        (position,) = post(message.headers, message.body)
        self.assert_same(sent, query(position))

    def test_binary_text_and_bytes_arrive_unchanged(self):
        for data, content_type in [("a\nb ä", "text/plain"), (b"\x00\xff", "application/octet-stream")]:
            sent = new_event(data, datacontenttype=content_type)
            message = to_binary_event(sent)
            (position,) = post(message.headers, message.body)
            self.assert_same(sent, query(position))

    def test_batch_arrives_unchanged_and_in_order(self):
        sent = [new_event({"value": n}, datacontenttype="application/json") for n in range(100)]
        # The SDK has no batch writer; a batch is an array of its structured events.
        body = b"[" + b",".join(JSONFormat().write(event) for event in sent) + b"]"
        positions = post({"content-type": "application/cloudevents-batch+json"}, body)
        self.assertEqual(len(positions), len(sent))
        for event, position in zip(sent, positions):
            self.assert_same(event, query(position))


if __name__ == "__main__":
    ingest_url, query_url = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
