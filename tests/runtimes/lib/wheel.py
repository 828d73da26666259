"""Writes a wheel of one small package, the same bytes each time: wheel.py DIRECTORY prints its SHA-256."""
import base64
import hashlib
import pathlib
import sys
import zipfile

INFO = "tiny_greet-1.0.0.dist-info/"
FILES = {
    "tiny_greet/__init__.py": "def greet(name):\n    return 'Hello from ' + name\n\n\ndef main():\n    print(greet('a script'))\n",
    INFO + "METADATA": "Metadata-Version: 2.1\nName: tiny-greet\nVersion: 1.0.0\n",
    INFO + "WHEEL": "Wheel-Version: 1.0\nGenerator: unikctl-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    INFO + "entry_points.txt": "[console_scripts]\ntiny-greet = tiny_greet:main\n",
}


def hash_of(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


record = "".join(f"{name},sha256={hash_of(text)},{len(text)}\n" for name, text in FILES.items())
path = pathlib.Path(sys.argv[1]) / "tiny_greet-1.0.0-py3-none-any.whl"
with zipfile.ZipFile(path, "w") as wheel:
    for name, text in {**FILES, INFO + "RECORD": f"{record}{INFO}RECORD,,\n"}.items():
        wheel.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
print(hashlib.sha256(path.read_bytes()).hexdigest())
