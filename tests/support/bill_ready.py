"""Imports all that a program of a fleet with the provider of bills imports: what is forked need not do it again.

The provider is installed in the directory BILL_PACKAGES.
"""

import os
import sys

from agents.core.service import services
from telemetry.settings.model import settings_model

sys.path.insert(0, os.environ["BILL_PACKAGES"])
services()
settings_model()
