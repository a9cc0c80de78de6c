"""The heads that are compared, and what they read of an image."""

# What `probe train` is told, and how the poolings of tools/reference and of the checkouts are made.
HEADS = {
    "linear": {"ours": ["--cls-features", "cls"], "case": {"features": "cls"}},
    "abmilp1": {
        "ours": ["--cls-features", "abmilp", "--abmilp-depth", "1"],
        "case": {"features": "abmilp", "depth": 1},
    },
    "abmilp2": {
        "ours": ["--cls-features", "abmilp", "--abmilp-depth", "2", "--abmilp-act", "relu"],
        "case": {"features": "abmilp", "depth": 2},
    },
    "abmilp1-map": {
        "ours": ["--cls-features", "abmilp", "--abmilp-depth", "1", "--abmilp-sa", "map"],
        "case": {"features": "abmilp", "depth": 1, "sa": "map"},
    },
    "abmilp1-both": {
        "ours": ["--cls-features", "abmilp", "--abmilp-depth", "1", "--abmilp-sa", "both"],
        "case": {"features": "abmilp", "depth": 1, "sa": "both"},
    },
    "ep32": {
        "ours": ["--cls-features", "ep", "--ep-queries", "32"],
        "case": {"features": "ep", "queries": 32, "content": "patch"},
    },
} | {
    name: {"ours": ["--cls-features", name], "case": {"features": name, "content": "patch"}}
    for name in ("simpool", "siglip", "clip", "coca", "cae", "cait", "cbam", "dolg")
} | {
    name: {"ours": ["--cls-features", name, "--num-heads", "12"],
           "case": {"features": name, "content": "patch", "heads": 12}}
    for name in ("aim", "jepa")
}  # fmt: skip
for head in HEADS.values():
    plain = {"act": "relu", "content": "all", "cond": "none", "sa": "none", "noise": 0}
    head["case"] = plain | head["case"]


def bytes_per_image(case, token_count, width, element_bytes):
    """What a step reads of an image: its tokens once forward and once backward, as batch norm needs a whole batch."""
    return width * element_bytes * (1 if case["features"] == "cls" else 2 * token_count)


# The kinds of features of which head_peers.py has a fast form.
HAS_BEST = ("cls", "abmilp", "ep", "simpool", "aim", "jepa")
