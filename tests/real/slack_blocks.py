"""Judges messages for Slack by Slack's own SDK: a JSON message on each line of standard input.

Prints a sentence for each fault and exits 1 if there is one.
"""

import json
import sys

from slack_sdk.models.blocks import Block

faults = []
for number, line in enumerate(sys.stdin, 1):
    message = json.loads(line)
    if not message.get("text"):
        faults.append(f"message {number} has no text")
    blocks = message.get("blocks", [])
    if len(blocks) > 50:
        faults.append(f"message {number} has {len(blocks)} blocks")
    for at, (given, block) in enumerate(zip(blocks, Block.parse_all(blocks)), 1):
        # The SDK makes None of a type that it does not know, and raises on a broken limit.
        if block is None:
            faults.append(f"message {number}, block {at}: unknown type {given.get('type')}")
            continue
        try:
            block.to_dict()
        except Exception as error:
            faults.append(f"message {number}, block {at}: {error}")

for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
