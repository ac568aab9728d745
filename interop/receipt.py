"""Does a verifier that was written from docs/format.md alone agree with ours about receipts?

    pip install --ignore-requires-python -r interop/requirements.txt
    python3 interop/receipt.py                            the golden receipt, honest and with every kind of change
    python3 interop/receipt.py RECEIPT.zip [POLICY]       any receipt

Sections 9 to 15 of docs/format.md are all that it knows. It needs cryptography (Ed25519) and rfc8785 (canonical JSON), and reads the zip
file with Python's own library besides comparing the container byte by byte. Where a package is missing it says so and ends with code 3.
"""

import base64
import hashlib
import hmac
import io
import json
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path

try:
    import rfc8785
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(3)

DATA = Path(__file__).resolve().parent.parent / "crates/untrain-ledger/tests/data"
TYPES = {b"\x01": "log", b"\x04": "witness", b"\xffuntrain-issuer-v1": "issuer", b"\xffuntrain-auditor-v1": "auditor"}
FIELDS = {
    "train": "at_ms checkpoints dataset digests model program recipe records seed version",
    "request": "confirm_due_ms dataset due_ms received_ms records regime request",
    "erasure": "after at_ms before dataset forgotten models program requests",
    "publish": "artefact at_ms files floor model version",
    "purge": "at_ms backups_until_ms destroyed method requests",
    "replay": "at_ms checkpoints expected model obtained part program records scope statement version",
}
AFFECTED = "after before checkpoints fate guarantee model recipe version"


class Refused(Exception):
    pass


def require(holds, reason):
    if not holds:
        raise Refused(reason)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decode(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("not base64") from None
    require(base64.b64encode(raw).decode() == text, "another spelling of base64")
    return raw


def unhex(text):
    require(re.fullmatch("[0-9a-f]{64}", text), "not 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)


def canonical(data, what):
    try:
        value = json.loads(data)
        same = rfc8785.dumps(value) == data
    except (ValueError, UnicodeDecodeError, RecursionError):
        same = False
    require(same, f"{what} is not in canonical JSON")
    return value


# Section 13 and 14: keys and policies.


class Key:
    def __init__(self, text):
        match = re.fullmatch(r"([^\s+]{1,255})\+([0-9a-f]{8})\+(\S+)", text)
        require(match, f"{text} is not a key")
        self.name, self.id = match[1], bytes.fromhex(match[2])
        material = decode(match[3])
        kind, self.public = material[:-32], material[-32:]
        require(kind in TYPES, f"{text} has an unknown type")
        self.role, self.retired = TYPES[kind], None
        require(sha(self.name.encode(), b"\n", material)[:4] == self.id, f"{text} has another id")

    def label(self):
        return f"{self.name}+{self.id.hex()}"

    def verify(self, message, signature):
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise Refused(f"the signature of {self.label()} does not fit") from None


class Policy:
    def __init__(self, text):
        self.keys, self.rules, self.quorum = [], {"none": lambda found: True}, None
        for line in text.split("\n"):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] in ("log", "issuer", "auditor"):
                self.add(Key(words[1]), words[0])
            elif words[0] == "witness":
                key = self.add(Key(words[2]), "witness")
                self.rules[words[1]] = lambda found, key=key: key in found
            elif words[0] == "group":
                members = [self.rules[name] for name in words[3:]]
                least = {"all": len(members), "any": 1}.get(words[2]) or int(words[2])
                self.rules[words[1]] = lambda found, members=members, least=least: sum(rule(found) for rule in members) >= least
            elif words[0] == "quorum":
                require(self.quorum is None, "two quorums")
                self.quorum = self.rules[words[1]]
            elif words[0] == "retired":
                next(key for key in self.keys if key.label() == Key(words[1]).label()).retired = int(words[2])
            else:
                raise Refused(f"{line} is not a line of a policy")
        require(self.quorum, "no quorum")

    def add(self, key, role):
        require(key.role == role and all(key.public != other.public for other in self.keys), "a key in a wrong place")
        self.keys.append(key)
        return key

    def of(self, role):
        return [key for key in self.keys if key.role == role]


# Section 12: the log.


class Note:
    def __init__(self, text):
        split = text.rfind("\n\n")
        require(split >= 0 and text.endswith("\n"), "not a note")
        self.text = text[: split + 1]
        self.signatures = []
        for line in text[split + 2 : -1].split("\n"):
            match = re.fullmatch("\u2014 ([^\\s+]+) (\\S+)", line)
            require(match, f"{line} is not a signature")
            raw = decode(match[2])
            self.signatures.append((match[1], raw[:4], raw[4:]))
        self.origin, size, root = self.text.split("\n")[:3]
        require(re.fullmatch("0|[1-9][0-9]*", size), "not a size")
        self.size, self.root = int(size), decode(root)

    def of(self, key):
        found = [raw for name, identity, raw in self.signatures if (name, identity) == (key.name, key.id)]
        require(len(found) < 2, "a key signed twice")
        return found[0] if found else None

    def verify(self, policy):
        """The times of the witnesses that cosigned."""
        signed = False
        for key in policy.of("log"):
            if key.name == self.origin and (raw := self.of(key)) is not None:
                key.verify(self.text.encode(), raw)
                require(key.retired is None or self.size <= key.retired, "the log's key was retired")
                signed = True
        require(signed, "no log that the policy trusts signed the checkpoint")
        times = {}
        for key in policy.of("witness"):
            if (raw := self.of(key)) is not None:
                require(len(raw) == 72, "not a cosignature")
                seconds = struct.unpack(">Q", raw[:8])[0]
                key.verify(f"cosignature/v1\ntime {seconds}\n{self.text}".encode(), raw[8:])
                if key.retired is None or self.size <= key.retired:
                    times[key] = seconds
        require(policy.quorum(times), "too few witnesses")
        return times


def node(left, right):
    return sha(b"\x01", left, right)


def check_inclusion(entry, index, size, path, root):
    require(index < size, "the tree has not so many entries")
    at, last, found = index, size - 1, sha(b"\x00", entry)
    for sibling in path:
        require(last, "the proof is too long")
        if at & 1 or at == last:
            found = node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0 and found == root, "the proof leads to another root")


def check_consistency(old, new, proof):
    require(0 < old.size < new.size, "not a smaller tree")
    if old.size & (old.size - 1) == 0:
        proof = [old.root, *proof]
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = proof[0]
    for sibling in proof[1:]:
        require(last, "the proof is too long")
        if at & 1 or at == last:
            first, second = node(sibling, first), node(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0 and first == old.root and second == new.root, "the log was rewritten")


# Section 11: commitments.


def bit(commitment, n):
    return commitment[n // 8] >> (7 - n % 8) & 1


def build(commitments):
    """The tree over sorted commitments: a leaf, or (bit, left, right)."""
    if len(commitments) == 1:
        return commitments[0]
    n = next(n for n in range(256) if bit(commitments[0], n) != bit(commitments[-1], n))
    return (n, build([c for c in commitments if not bit(c, n)]), build([c for c in commitments if bit(c, n)]))


def top(tree):
    if isinstance(tree, tuple) and tree[0] == "hidden":
        return tree[1]
    if isinstance(tree, tuple):
        return sha(b"\x11", bytes([tree[0]]), top(tree[1]), top(tree[2]))
    return sha(b"\x10", tree)


def head(size, tree):
    return {"root": sha(b"\x12", struct.pack(">Q", size), b"" if tree is None else top(tree)).hex(), "size": size}


def head_of(commitments):
    return head(len(commitments), build(commitments) if commitments else None)


def read_excerpt(data):
    size, rest = struct.unpack(">Q", data[:8])[0], io.BytesIO(data[8:])
    take = lambda n: (part := rest.read(n), require(len(part) == n, "the excerpt is too short"))[0]

    def read(least, way):
        tag = take(1)[0]
        if tag == 0:
            return ("hidden", take(32))
        if tag == 1:
            leaf = take(32)
            require(all(bit(leaf, n) == side for n, side in way), "a leaf in a wrong place")
            return leaf
        require(tag == 2, "not a node")
        n = take(1)[0]
        require(n >= least, "bits in a wrong order")
        return (n, read(n + 1, [*way, (n, 0)]), read(n + 1, [*way, (n, 1)]))

    if data[8:] == b"\x03":
        return size, None
    tree = read(0, [])
    require(not rest.read(), "bytes after the excerpt")
    return size, tree


def remove(tree, commitment):
    if isinstance(tree, bytes):
        require(tree == commitment, "a forgotten commitment was not in the dataset")
        return None
    require(isinstance(tree, tuple) and tree[0] != "hidden", "the excerpt does not show a forgotten commitment")
    n, left, right = tree
    if bit(commitment, n):
        right = remove(right, commitment)
        return left if right is None else (n, left, right)
    left = remove(left, commitment)
    return right if left is None else (n, left, right)


def commit(record, tenant, dataset):
    fields = [tenant.encode(), dataset.encode(), record["record"].encode(), unhex(record["row"])]
    message = b"untrain-commitment-v1\n" + b"".join(struct.pack(">Q", len(field)) + field for field in fields)
    return hmac.new(unhex(record["salt"]), message, "sha256").digest()


# Sections 9 and 10: statements and envelopes.


class Statement:
    def __init__(self, entry, proof):
        require(len(entry) <= 24_576, "an envelope is too large")
        envelope = canonical(entry, "an envelope")
        require(set(envelope) == {"payload", "payloadType", "signatures"}, "another envelope")
        require(envelope["payloadType"] == "application/vnd.in-toto+json", "another type of payload")
        self.entry, self.payload, self.reference = entry, decode(envelope["payload"]), hashlib.sha256(entry).hexdigest()
        self.signatures = {raw["keyid"]: decode(raw["sig"]) for raw in envelope["signatures"]}
        require(1 <= len(self.signatures) == len(envelope["signatures"]) <= 4, "no signature, too many, or two of one key")
        require(len(self.payload) <= 16_384, "a statement is too large")
        statement = canonical(self.payload, "a statement")
        require(set(statement) == {"_type", "predicate", "predicateType", "subject"}, "another statement")
        require(statement["_type"] == "https://in-toto.io/Statement/v1", "another statement")
        match = re.fullmatch("urn:untrain:statement:([a-z]+):v1", statement["predicateType"])
        require(match and match[1] in FIELDS, "an unknown kind of statement")
        self.kind, self.says = match[1], statement["predicate"]
        require(sorted(self.says) == FIELDS[self.kind].split(), f"other fields of {self.kind}")
        if self.kind == "erasure":
            require(all(sorted(model) == AFFECTED.split() for model in self.says["models"]), "other fields of a model")
        subjects = [{"digest": {"sha256": digest}, "name": name} for name, digest in self.subjects()]
        require(subjects and statement["subject"] == subjects, "the subjects do not follow from the statement")
        first, note = proof.decode().split("\n\n", 1)
        lines = first.split("\n")
        require(lines[0] == "c2sp.org/tlog-proof@v1" and re.fullmatch("index (0|[1-9][0-9]*)", lines[1]), "not a proof")
        self.index, self.path, self.note = int(lines[1][6:]), [decode(line) for line in lines[2:]], Note(note)

    def subjects(self):
        says = self.says
        model = lambda name, digests: [(f"model/{name}/{what}", digests[what]) for what in ("artefact", "state")]
        if self.kind == "train":
            return model(says["model"], says["digests"])
        if self.kind == "request":
            return [(f"request/{says['request']}", says["records"]["root"])]
        if self.kind == "erasure":
            gone = [pair for one in says["models"] if one["after"] for pair in model(one["model"], one["after"])]
            return [(f"dataset/{says['dataset']}", says["after"]["root"]), *gone]
        if self.kind == "publish":
            return [(file["name"], file["digest"]) for file in says["files"]]
        if self.kind == "purge":
            return [(f"destroyed/{i}", digest) for i, digest in enumerate(says["destroyed"])]
        return model(says["model"], says["obtained"])

    def time(self):
        return self.says["received_ms" if self.kind == "request" else "at_ms"]

    def verify(self, policy):
        """Whether the policy has the key; a wrong signature is refused."""
        check_inclusion(self.entry, self.index, self.note.size, self.path, self.note.root)
        role = "auditor" if self.kind == "replay" else "issuer"
        key = next((key for key in policy.of(role) if key.label() in self.signatures), None)
        if key is None:
            require(self.kind == "replay", f"no {role} that the policy trusts signed the {self.kind}")
            return False
        kind = b"application/vnd.in-toto+json"
        key.verify(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload), self.signatures[key.label()])
        require(key.retired is None or self.index < key.retired, "the key was retired")
        return True


# Section 15: receipts.


def read_zip(data):
    require(len(data) <= 67_108_864, "too large")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, OSError, struct.error, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise Refused(f"not a zip file: {error}") from None
    require(pack(members) == data, "the container has other bytes")
    return members


def hashes(data):
    require(len(data) % 32 == 0, "not 32 bytes each")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def check(data, policy_text=None):
    """The levels that are reached."""
    members = read_zip(data)
    # 1: the members.
    manifest = canonical(members["receipt.json"], "receipt.json")
    identity = manifest.get("request")
    require(manifest == {"format": "untrain-receipt", "request": identity, "version": 1}, "another format")
    policy = Policy(policy_text if policy_text is not None else members["policy.txt"].decode())
    statements, names = [], ["receipt.json", "receipt.html", "policy.txt"]
    for name in members:
        if match := re.fullmatch("statements/(0|[1-9][0-9]*)-([a-z]+).json", name):
            proof = f"statements/{match[1]}.tlog-proof"
            require(proof in members, f"{proof} is missing")
            statement = Statement(members[name], members[proof])
            require((statement.index, statement.kind) == (int(match[1]), match[2]), "a statement with another name")
            statements.append(statement)
            names += [name, proof]
    steps = [int(match[1]) for name in members if (match := re.fullmatch("consistency/([1-9][0-9]*)", name))]
    names += ["commitments/before", "commitments/forgotten", "commitments/own", *(f"consistency/{size}" for size in sorted(steps))]
    names += ["openings.json"] if "openings.json" in members else []
    require(list(members) == names, "unknown members, or another order")
    indices = [statement.index for statement in statements]
    require(indices == sorted(set(indices)) and len(indices) <= 1024, "another order, or too many")
    # 2: the story.
    requests = [s for s in statements if s.kind == "request"]
    covers = lambda s: any(named["request"] == identity for named in s.says["requests"])
    erasures = [s for s in statements if s.kind == "erasure" and covers(s)]
    require(len(requests) == 1 and requests[0].says["request"] == identity and len(erasures) == 1, "not one request and one erasure")
    request, erasure = requests[0], erasures[0]
    models = {model["model"]: model for model in erasure.says["models"]}
    earlier = [s for s in statements if s.kind == "train" or (s.kind == "erasure" and s is not erasure)]
    later = {kind: [s for s in statements if s.kind == kind] for kind in ("publish", "purge", "replay")}
    require(all(s.says["dataset"] == erasure.says["dataset"] for s in earlier), "an earlier statement about another dataset")
    require(all(s.says["model"] in models for s in later["publish"] + later["replay"]), "about another model")
    require(all(covers(s) for s in later["purge"]), "a purge for others")
    require(all(s.says["statement"] == erasure.reference for s in later["replay"]), "a replay of something else")
    # 3: signatures and places.
    times = [s.note.verify(policy) for s in statements]
    trusted = [s for s in statements if s.verify(policy)]
    # 4: one log.
    largest = max(statements, key=lambda s: s.note.size).note
    for statement, cosigned in zip(statements, times):
        note = statement.note
        require(note.origin == largest.origin, "another log")
        if note.size == largest.size:
            require(note.root == largest.root, "the log is forked")
        else:
            require(note.size in steps, "no proof that the log went on")
            check_consistency(note, largest, hashes(members[f"consistency/{note.size}"]))
            last = next(t for s, t in zip(statements, times) if s.note is largest)
            require(all(last[key] >= t for key, t in cosigned.items() if key in last), "a witness's clock runs backwards")
    require(set(steps) == {s.note.size for s in statements} - {largest.size}, "a proof from nowhere")
    # 5: order.
    for first, second in [(s, erasure) for s in [request, *earlier]] + [(erasure, s) for group in later.values() for s in group]:
        require(first.index < second.index and first.time() <= second.time(), f"the {second.kind} comes before the {first.kind}")
    # 6: references.
    for statement in [erasure, *later["purge"]]:
        named = [named for named in statement.says["requests"] if named["request"] == identity]
        require(all(one["statement"] == request.reference for one in named), "a reference to another request")
    ids = [named["request"] for named in erasure.says["requests"]]
    require(len(set(ids)) == len(ids) and request.says["dataset"] == erasure.says["dataset"], "a request twice, or another dataset")
    # 7: the records.
    own, forgotten = hashes(members["commitments/own"]), hashes(members["commitments/forgotten"])
    require(own == sorted(set(own)) and forgotten == sorted(set(forgotten)), "commitments in another order")
    size, tree = read_excerpt(members["commitments/before"])
    require(head_of(own) == request.says["records"], "other records of the request")
    require(head_of(forgotten) == erasure.says["forgotten"], "other forgotten records")
    require(head(size, tree) == erasure.says["before"], "another dataset before")
    require(set(own) <= set(forgotten), "a record of the request was not forgotten")
    for commitment in forgotten:
        tree = remove(tree, commitment)
    require(head(size - len(forgotten), tree) == erasure.says["after"], "another dataset after")
    # 8: openings.
    if "openings.json" in members:
        openings = canonical(members["openings.json"], "openings.json")
        require(set(openings) == {"records", "tenant"}, "other openings")
        opened = [commit(record, openings["tenant"], request.says["dataset"]) for record in openings["records"]]
        require(opened == sorted(set(opened)) and set(opened) <= set(own), "an opening of something else")
    # 9: the dataset.
    require(earlier or not models, "no earlier statement")
    if earlier:
        last = earlier[-1]
        left = last.says["records"] if last.kind == "train" else last.says["after"]
        require(left == erasure.says["before"], "the chain of the dataset is broken")
    # 10: the models.
    require(len(models) == len(erasure.says["models"]), "a model comes twice")
    for name, model in models.items():
        before = next((left for s in reversed(earlier) if (left := how_it_left(s, name))), None)
        require(before, f"no earlier statement about {name}")
        require(before[1:] == (model["before"], model["recipe"]), f"the chain of {name} is broken")
        fate, version = model["fate"]["kind"], before[0]
        if fate in ("updated", "retrained"):
            require(model["after"] and model["guarantee"] and model["version"] == version + 1, f"{name} was changed, and not how")
        elif fate in ("unaffected", "waived"):
            require(model["after"] == model["before"] and model["version"] == version, f"{name} was left and is another")
        else:
            require(fate == "dropped" and model["after"] is None, f"{name} was dropped and is there")
    # 11: publications.
    for statement in later["publish"]:
        model = models[statement.says["model"]]
        fits = model["after"] and statement.says["artefact"] == model["after"]["artefact"] and statement.says["version"] == model["version"]
        require(fits, "another version was published")
    # 12 and 13: replays.
    scopes = {name: [] for name in models}
    for statement in (s for s in later["replay"] if s in trusted):
        says, model = statement.says, models[statement.says["model"]]
        require(says["expected"] == model["after"] and says["version"] == model["version"], "a replay of another version")
        require(says["records"] == erasure.says["after"] and says["obtained"] == says["expected"], "a replay that differs")
        require(says["checkpoints"] == model["checkpoints"], "a replay with other checkpoints")
        check_part(says["scope"], says["part"], model["checkpoints"])
        scopes[says["model"]].append(says["scope"]["kind"])
    changed = [name for name, model in models.items() if model["fate"]["kind"] in ("updated", "retrained")]
    levels = [1, 2]
    levels += [3] if all("full" in scopes[name] for name in changed) else []
    levels += [4] if all(scopes[name] for name in changed) else []
    return levels


def check_part(scope, part, head):
    """A replay of a part shows the checkpoints of that part, and they are in the stated tree."""
    require((scope["kind"] == "full") == (part is None), "a part where there is none, or none where there is one")
    if part is None:
        return
    require(head and sorted(part) == ["digests", "first", "proof"] and part["digests"], "no checkpoints")
    first, n, size = part["first"], len(part["digests"]), head["size"]
    end = first + n
    if scope["kind"] == "shard":
        require(size % n == 0 and scope["index"] * n == first, "another shard")
    else:
        require((scope["from"], scope["to"]) == (first, end), "another span")
    require(end <= size, "the training has not so many checkpoints")
    leaves, proof = (iter([unhex(text) for text in part[field]]) for field in ("digests", "proof"))

    def over(low, high):
        if high <= first or low >= end:
            return next(proof)
        if high - low == 1:
            return sha(b"\x00", next(leaves))
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        left = over(low, middle)
        return node(left, over(middle, high))

    require(over(0, size).hex() == head["root"] and next(proof, None) is None, "the checkpoints are not in the stated tree")


def how_it_left(statement, name):
    """The version, digests and recipe that a statement left of a model."""
    if statement.kind == "train":
        says = statement.says
        return (says["version"], says["digests"], says["recipe"]) if says["model"] == name else None
    model = next((model for model in statement.says["models"] if model["model"] == name), None)
    return model and (model["version"], model["after"], model["recipe"])


def verdict(data, policy):
    try:
        return check(data, policy)
    except (Refused, KeyError, IndexError, TypeError, ValueError, StopIteration, AttributeError) as refused:
        return f"{type(refused).__name__}: {refused}"


def golden():
    data, policy = (DATA / "receipt-v1.zip").read_bytes(), (DATA / "receipt-v1.policy").read_text()
    levels = check(data, policy)
    print(f"the golden receipt is accepted, levels {levels}")
    require(levels == [1, 2, 3, 4], "the golden receipt reaches all levels")
    # A check that cannot fail is none: a bit of every byte that is not the page's, with a container that fits.
    members, changes = read_zip(data), 0
    for name in (name for name in members if name not in ("receipt.html", "policy.txt")):
        for place in range(0, len(members[name]), 13):
            changed = bytearray(members[name])
            changed[place] ^= 1 << place % 8
            result = verdict(pack({**members, name: bytes(changed)}), policy)
            require(isinstance(result, str), f"byte {place} of {name} was changed and the receipt is accepted")
            changes += 1
    print(f"{changes} changes of single bits in its members are refused")
    for place in range(0, len(data), 499):
        require(isinstance(verdict(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], policy), str), f"byte {place}")
    print("changed bits of the file are refused")


def pack(members):
    """The container of section 15."""
    body, directory = b"", b""
    for name, content in members.items():
        described = b"\x0a\0\0\0\0\0\0\0\x21\0" + struct.pack("<IIIHH", zlib.crc32(content), len(content), len(content), len(name.encode()), 0)
        directory += b"PK\x01\x02\x0a\0" + described + bytes(10) + struct.pack("<I", len(body)) + name.encode()
        body += b"PK\x03\x04" + described + name.encode() + content
    return body + directory + b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", len(members), len(members), len(directory), len(body), 0)


def main():
    if len(sys.argv) == 1:
        golden()
        print("all agree")
        return
    policy = Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else None
    result = verdict(Path(sys.argv[1]).read_bytes(), policy)
    print(f"refused: {result}" if isinstance(result, str) else f"accepted, levels {result}")
    sys.exit(isinstance(result, str))


if __name__ == "__main__":
    main()
