"""python make.py: the samples of this folder, by the serialisers of confluent-kafka (pip install
'confluent-kafka[avro,json,schemaregistry]'). The registry they talk to is a stand-in of a few lines that hands out ids."""

import base64
import datetime
import json
import pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

AVRO = {
    "type": "record",
    "name": "Observation",
    "namespace": "com.example",
    "fields": [
        {"name": "item_id", "type": "string"},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "values", "type": {"type": "map", "values": ["null", "double"]}},
    ],
}
JSON_SCHEMA = {"title": "Observation", "type": "object", "properties": {"item_id": {"type": "string"}}}
VALUES = {"flow": 1.5, "temp": 40.0}
registered = []


class StandInRegistry(BaseHTTPRequestHandler):
    def do_POST(self):
        schema = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if schema not in registered:
            registered.append(schema)
        body = json.dumps({"id": registered.index(schema) + 1, "version": 1, "subject": "s", **schema}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        body = b'{"error_code": 40401, "message": "Subject not found."}'
        self.send_response(404)
        self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), StandInRegistry)
Thread(target=server.serve_forever, daemon=True).start()
client = SchemaRegistryClient({"url": f"http://127.0.0.1:{server.server_port}"})
context = SerializationContext("observations", MessageField.VALUE)
noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc)
samples = [
    ("AVRO", AVRO, AvroSerializer(client, json.dumps(AVRO)), noon),
    ("JSON", JSON_SCHEMA, JSONSerializer(json.dumps(JSON_SCHEMA), client), noon.isoformat()),
]
lines = []
for kind, schema, serialise, ts in samples:
    value = serialise({"item_id": "pump-7", "ts": ts, "values": VALUES}, context)
    lines.append(json.dumps({"schemaType": kind, "schema": json.dumps(schema), "value": base64.b64encode(value).decode()}))
(pathlib.Path(__file__).parent / "confluent-kafka.ndjson").write_text("\n".join(lines) + "\n")
server.shutdown()
