"""Push numbers into finfleet from any Python program: the Celery library alone, nothing of finfleet's.

    pip install 'celery[redis]'
    BROKER_URL=redis://localhost:6379/0 python push.py

The source has to be named in finfleet's configuration:

    generic:
      sources:
        - {name: training, kind: push}
"""

import os
from datetime import UTC, datetime

from celery import Celery

app = Celery(broker=os.environ["BROKER_URL"])
now = datetime.now(UTC)

message = {
    "source": os.environ.get("SOURCE", "training"),
    "sent_at": now.isoformat(),
    # Of a message that is built anew when it is sent again, the key says that it is the same.
    "key": f"run-17/epoch-{now:%Y%m%d%H%M%S}",
    "resources": [
        {"id": "gpu-node-3/0", "type": "h100", "name": "GPU 0", "tags": {"team": "vision", "run": "17"}},
    ],
    "metrics": [
        {"resource": "gpu-node-3/0", "name": "gpu_utilization", "value": 85.5, "unit": "percent"},
        {"name": "training_loss", "value": 0.245},
    ],
    "costs": [
        # All charges of the day that this source knows of. Amounts are text: no digit of them is lost.
        {
            "day": f"{now:%Y-%m-%d}",
            "charges": [
                {"currency": "USD", "billed_cost": "12.40", "service_name": "GPU hours", "resource_id": "gpu-node-3/0"},
            ],
        },
    ],
}

app.send_task("finfleet.push", args=[message], queue="push", ignore_result=True)
print("sent", message["key"])
