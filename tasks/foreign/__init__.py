"""Messages on Celery's queues that are no task messages of ours.

Anybody who may write to the broker can put anything onto a queue. Celery and kombu take much of that for a fault of the
connection, or drop it without a word. Here each message is looked at before they do: what is a task message of ours
goes on with the fields that we have checked, and nothing else; everything else becomes a dead letter with its reason.

``envelope``   what lies in a Redis list, as kombu can read it
``checks``     whether a message is a task of ours, and what of it goes on
``rules``      which tasks a queue takes
``consumer``   Celery's consumer with these checks before it
``letters``    the task that publishes a dead letter
``transport``  kombu's transports, which ask for the above
``control``    remote control and events, for reading only
"""
