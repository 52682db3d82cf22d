"""Write the model's settings into the working folder, which is where MLServer looks."""

import json
import os
import shutil
from pathlib import Path

settings = {
    "name": "iris",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": os.environ["MODEL"], "version": "v1"},
}
Path("model-settings.json").write_text(json.dumps(settings))
shutil.copy(Path(__file__).with_name("logging.ini"), "logging.ini")
