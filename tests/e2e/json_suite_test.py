"""JSONTestSuite as training data: whatever the file, one clear error and no crash.

A sample of 20; BERTFT_WHOLE_SUITE=1 takes all of them. The unit tests of the readers take all of them always.
"""

import os
import pathlib
import random
import unittest

import harness
from harness import EndToEndTest


@unittest.skipUnless(os.environ.get("BERTFT_DATA_DIR"), "BERTFT_DATA_DIR is not set")
class JsonTestSuite(EndToEndTest):
    def test_files_are_refused_one_by_one(self):
        files = sorted((pathlib.Path(os.environ["BERTFT_DATA_DIR"]) / "corpora" / "JSONTestSuite").rglob("*.json"))
        self.assertGreater(len(files), 300)
        if not os.environ.get("BERTFT_WHOLE_SUITE"):
            files = random.Random(5).sample(files, 20)
        for path in files:
            with self.subTest(path.name):
                self.assert_training_refused(self.training(train=path), 65, path.name)


if __name__ == "__main__":
    harness.main()
