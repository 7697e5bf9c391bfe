# The first cell of every notebook, which `python -m notebooks` writes into them.
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # such as https://github.com/OWNER/NAME

if Path.cwd().name == "notebooks":
    os.chdir("..")
if not Path("reproduce.py").exists():
    if not REPOSITORY:
        raise ValueError("REPOSITORY is ''; accepted: the address of this repository (fill it in)")
    if not Path("suite").exists():
        subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "suite"], check=True)
    os.chdir("suite")
# What is there and fits is left as it is.
pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
subprocess.run([*pip, "--requirement", "requirements.txt"], check=True)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.getcwd())
