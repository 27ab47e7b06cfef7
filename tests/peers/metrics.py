"""Reads metrics with Prometheus' own Python parser.

Input: a JSON string, the text exposition format. Output: a JSON list of [name, labels, value], one entry for each sample.
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

samples = []
for family in text_string_to_metric_families(json.load(sys.stdin)):
    assert family.type == "gauge" and family.documentation, family.name
    samples += [[sample.name, sample.labels, sample.value] for sample in family.samples]
json.dump(samples, sys.stdout)
