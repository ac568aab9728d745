"""Do independent programs accept our logs, proofs, statements and keys, and do we accept theirs?

    pip install --ignore-requires-python -r interop/requirements.txt
    cargo build --workspace --examples
    python3 interop/tlog.py

The other programs: aics-tlog (tiles, checkpoints, cosignatures, inclusion and consistency proofs), rfc8785 (canonical JSON),
securesystemslib (DSSE) with cryptography (Ed25519), and pyrage (age). Ends with "all agree", or with the first difference.
Where a package is missing it says so and ends with code 3.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import aics_tlog
    import pyrage
    import rfc8785
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from securesystemslib.dsse import Envelope
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(3)

ROOT = Path(__file__).resolve().parent.parent
RUST = [ROOT / "target/debug/examples/interop"]
PASSPHRASE = "interop"
NOW = 1_700_000_100


def main():
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        subprocess.run([*RUST, "make", place], cwd=ROOT, check=True)
        reader = check_log(place)
        check_proofs(place, reader)
        check_statements(place, reader)
        check_keys(place)
        write_theirs(place / "theirs")
        subprocess.run([*RUST, "check", place], cwd=ROOT, check=True)
    print("all agree")


def read_keys(folder):
    return [aics_tlog.parse_vkey((folder / name).read_text().strip()) for name in ("log.vkey", "witness.vkey")]


def check_log(place):
    """The log's checkpoint and cosignature, every tile and every entry."""
    log_key, witness_key = read_keys(place)
    note = aics_tlog.parse_note((place / "log/checkpoint").read_bytes())
    result = aics_tlog.verify_checkpoint(note, log_key, [witness_key], quorum=1, expected_origin="untrain.example/log")
    require(result.ok and result.cosignature_count == 1, result)
    reader = aics_tlog.FileSystemTileReader(place / "log")
    report = aics_tlog.audit_tiles(reader, result.size, result.root)
    print(f"aics-tlog: checkpoint of {result.size} entries signed and cosigned; {report.tiles} tiles, {report.bundles} bundles fit")
    # A check that cannot fail is none: one flipped bit of the root.
    broken = note.serialise().replace(base64.b64encode(result.root).decode(), base64.b64encode(bytes([result.root[0] ^ 1]) + result.root[1:]).decode())
    require(not aics_tlog.verify_checkpoint(aics_tlog.parse_note(broken), log_key, [witness_key], quorum=1).ok, "a changed checkpoint is accepted")
    return reader


def check_proofs(place, reader):
    log_key, witness_key = read_keys(place)
    heads = {0: hashlib.sha256(b"").digest()}
    for path in sorted((place / "checkpoints").glob("[0-9]*")):
        if "-" not in path.name:
            result = aics_tlog.verify_checkpoint(aics_tlog.parse_note(path.read_bytes()), log_key, [witness_key], quorum=1)
            require(result.ok and result.size == int(path.name), result)
            heads[result.size] = result.root
    steps = 0
    for path in (place / "checkpoints").glob("*-*"):
        old, new = map(int, path.name.split("-"))
        lines = path.read_text().split("\n\n", 1)[0].split("\n")
        require(lines[0] == f"old {old}", lines)
        proof = [base64.b64decode(line) for line in lines[1:]]
        require(aics_tlog.verify_consistency(old, new, heads[old], heads[new], proof), path.name)
        require(proof == aics_tlog.consistency_proof_from_tiles(reader, old, new, max(heads)), f"another proof {path.name}")
        if proof:
            changed = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
            require(not aics_tlog.verify_consistency(old, new, heads[old], heads[new], changed), "a changed proof is accepted")
        steps += 1
    print(f"aics-tlog: {steps} consistency proofs verify and are its own")
    proofs = 0
    for path in place.glob("*.tlog-proof"):
        head, note = path.read_text().split("\n\n", 1)
        lines = head.split("\n")
        require(lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("index "), lines)
        index, proof = int(lines[1][6:]), [base64.b64decode(line) for line in lines[2:]]
        result = aics_tlog.verify_checkpoint(aics_tlog.parse_note(note), log_key, [witness_key], quorum=1)
        entry = aics_tlog.read_entry(reader, index, result.size)
        require(result.ok and aics_tlog.verify_leaf_inclusion(entry, index, result.size, proof, result.root), path.name)
        require(proof == aics_tlog.inclusion_proof_from_tiles(reader, index, result.size), f"another proof of {index}")
        require(not aics_tlog.verify_leaf_inclusion(entry + b" ", index, result.size, proof, result.root), "a changed entry is accepted")
        proofs += 1
    print(f"aics-tlog: {proofs} inclusion proofs verify and are its own")


def check_statements(place, reader):
    public = Ed25519PublicKey.from_public_bytes((place / "issuer.public").read_bytes())
    size = max(int(path.name) for path in (place / "checkpoints").glob("[0-9]*") if "-" not in path.name)
    indices = range(0, size, 997)
    for index in indices:
        entry = aics_tlog.read_entry(reader, index, size)
        raw = json.loads(entry)
        require(rfc8785.dumps(raw) == entry, f"the envelope {index} is not in canonical JSON")
        envelope = Envelope.from_dict(json.loads(entry))
        require(rfc8785.dumps(json.loads(envelope.payload)) == envelope.payload, f"the statement {index} is not in canonical JSON")
        # Raises if the signature does not fit the encoding that securesystemslib makes.
        public.verify(base64.b64decode(raw["signatures"][0]["sig"]), envelope.pae())
    print(f"rfc8785, securesystemslib, cryptography: {len(indices)} signed statements are canonical and verify")


def check_keys(place):
    opened = pyrage.passphrase.decrypt((place / "issuer.key.age").read_bytes(), PASSPHRASE)
    require(opened == (place / "issuer.key").read_bytes(), "the age file holds another key")
    print("pyrage: the encrypted key opens")


def write_theirs(folder):
    """A log, proofs and a key of the other programs, for ours to check."""
    folder.mkdir()
    log_secret, witness_secret = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    log_key = aics_tlog.vkey_from_ed25519("theirs.example/log", log_secret.public_key())
    witness_key = aics_tlog.cosignature_vkey("theirs.example/w", witness_secret.public_key())
    (folder / "log.vkey").write_text(aics_tlog.format_vkey(log_key) + "\n")
    (folder / "witness.vkey").write_text(aics_tlog.format_vkey(witness_key) + "\n")
    entries = [f"entry {i}".encode() for i in range(70_000)]
    aics_tlog.TileWriter(entries).write_to(folder / "log")
    reader = aics_tlog.FileSystemTileReader(folder / "log")
    size = len(entries)
    checkpoint = aics_tlog.Checkpoint("theirs.example/log", size, aics_tlog.tree_root_from_tiles(reader, size))
    note = aics_tlog.sign_checkpoint(checkpoint, log_secret, "theirs.example/log").serialise()
    _, line = aics_tlog.sign_cosignature(witness_secret, "theirs.example/w", NOW, checkpoint.origin, size, checkpoint.root)
    note += f"— {line.name} {base64.b64encode(line.key_id + line.signature).decode()}\n"
    (folder / "log/checkpoint").write_text(note)
    encode = lambda proof: "".join(base64.b64encode(part).decode() + "\n" for part in proof)
    proofs = [
        f"c2sp.org/tlog-proof@v1\nindex {index}\n{encode(aics_tlog.inclusion_proof_from_tiles(reader, index, size))}\n{note}"
        for index in (0, 1, 255, 256, 12_345, 65_535, 65_536, 69_999)
    ]
    (folder / "proofs").write_text("\n---\n".join(proofs))
    steps = [
        f"old {old}\n{encode(aics_tlog.consistency_proof_from_tiles(reader, old, size))}\n{note}"
        for old in (1, 2, 3, 255, 256, 257, 65_535, 65_536, 65_537, 69_999)
    ]
    (folder / "consistency").write_text("\n---\n".join(steps))
    name, seed = "theirs.example/issuer", bytes(range(32))
    kind = b"\xffuntrain-issuer-v1"
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    identity = hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4].hex()
    text = f"PRIVATE+KEY+{name}+{identity}+{base64.b64encode(kind + seed).decode()}\n"
    (folder / "key.age").write_bytes(pyrage.passphrase.encrypt(text.encode(), PASSPHRASE))
    (folder / "key.age").chmod(0o600)


def require(holds, what):
    if not holds:
        sys.exit(f"they differ: {what}")


if __name__ == "__main__":
    main()
