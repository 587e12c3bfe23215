"""The policy pack as the real engine runs it, in the form of an executable; and the example that shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine_harness import Project, Run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "04-policy-pack"
PACK = EXAMPLE / "policy-pack" / "run"
KEYS = ("key-hzz0000000000000000000", "key-sgp0000000000000000000")
LEDGER = f"""
ledger = Vault("ledger", region_id="cn-hangzhou", description="Books", encrypt_type="KMS", kms_key_id="{KEYS[0]}",
               tags={{"team": "finance"}})
MirrorVault("ledger-dr", source=ledger, region_id="ap-southeast-1", kms_key_id="{KEYS[1]}")
"""
UNENCRYPTED = """
ledger = Vault("ledger", region_id="cn-hangzhou", description="Books", tags={"team": "finance"})
MirrorVault("ledger-dr", source=ledger, region_id="ap-southeast-1")
orders = Vault("orders", region_id="cn-hangzhou", tags={"team": pulumi.Output.secret("secret-team")})
files = Vault("files", region_id="cn-hangzhou", description="Files", tags={"team": ledger.id})
MirrorVault("files-dr", source=files, region_id="cn-shanghai", description=files.id.apply(lambda id: f"of {id}"))
"""
LEFT_OUT = ("advisory", "cloudbackup-not-judged", "shop-dev")


def told(run: Run) -> list[tuple[str, str, str]]:
    """Return level, policy and resource of what a pack told."""
    return sorted(re.findall(r"^ - \[(\w+)\] ([\w-]+) \(.*: (\S+)\)$", run.output, re.MULTILINE))


def policed(project: Project, command: str, *arguments: str, pack: Path = PACK) -> Run:
    skip = ("--yes", "--skip-preview", "--non-interactive") if command == "up" else ()
    return project.run(command, *skip, "--policy-pack", str(pack), *arguments)


def test_a_stack_that_keeps_and_breaks_policies(project: Project) -> None:
    """Whatever is not known yet, findings keep their level; what is known during an update is judged then."""
    good = policed(project.program(LEDGER), "preview").ok()
    assert told(good) == [LEFT_OUT]
    assert "nothing-is-deleted. Judge them with:\n cloudbackup plan --policy MODULE" in good.output

    bad = policed(project.program(UNENCRYPTED), "preview").failed()
    known = [
        ("advisory", "descriptions-are-given", "orders"),
        ("mandatory", "every-vault-is-mirrored", "orders"),
        ("mandatory", "kms-is-used", "ledger"),
        ("mandatory", "kms-is-used", "ledger-dr"),
        ("mandatory", "mirrors-are-in-another-jurisdiction", "files-dr"),
    ]
    waiting = ("advisory", "cloudbackup-not-judged", "orders")
    later = [("advisory", "cloudbackup-not-judged", name) for name in ("files", "files-dr")]
    assert told(bad) == sorted([*known, waiting, *later, LEFT_OUT])
    assert "Vaults tagged team=finance and their mirrors are encrypted with KMS." in bad.output
    assert 'The mirror vault "ledger-dr" is not encrypted with KMS.' in bad.output
    assert "Not yet known: tags of files. Not judged without it: kms-is-used, CB108." in bad.output
    assert "Not yet known: description of files-dr. Not judged without it: CB102." in bad.output
    assert "can't run policy" not in bad.output

    update = policed(project, "up").failed()
    assert told(update) == sorted([*known, waiting, LEFT_OUT])
    assert "Not yet known: tags of orders. Not judged without it: kms-is-used, CB108." in update.output
    assert "secret-team" not in bad.output + update.output

    mended = policed(project.program(LEDGER), "up").ok()
    assert told(mended) == [LEFT_OUT]
    # The id of the vault is not shown for an update, and its mirror is still found.
    changed = policed(project.program(LEDGER.replace("finance", "books")), "preview").ok()
    assert "1 to update" in changed.output
    assert told(changed) == [LEFT_OUT]


def test_rules_where_a_stack_does_not_enforce_them(project: Project) -> None:
    """The pack does; a run that leaves a new vault out is judged without it."""
    project.config("cloudbackup:enforce", "false").ok()
    project.program(LEDGER.replace(f'kms_key_id="{KEYS[1]}"', 'encrypt_type="HBR_PRIVATE"'))
    assert told(policed(project, "preview").failed()) == [
        LEFT_OUT,
        ("mandatory", "cloudbackup-rules", "ledger-dr"),
        ("mandatory", "kms-is-used", "ledger-dr"),
    ]
    part = policed(project, "preview", "--target", project.urn("Vault", "ledger")).failed()
    assert told(part) == [LEFT_OUT, ("mandatory", "every-vault-is-mirrored", "ledger")]


@pytest.fixture
def own_pack(tmp_path: Path) -> Path:
    """A pack of which only the program is still to be written."""
    folder = tmp_path / "own pack"
    folder.mkdir()
    run = folder / "run"
    run.write_text(PACK.read_text())
    run.chmod(0o755)
    return run


def test_what_authors_do_wrong(project: Project, own_pack: Path, tmp_path: Path) -> None:
    """The file and the line, whatever the level is; a team may make what is not judged mandatory."""
    program = own_pack.with_name("__main__.py")
    program.write_text(
        "from pulumi_cloudbackup.policies import policy, nothing_is_deleted\n"
        "from pulumi_cloudbackup.policy_pack import policy_pack\n"
        "@policy(level='advisory')\n"
        "def wrong(proposal):\n"
        "    return proposal.vault\n"
        "policy_pack([wrong, nothing_is_deleted()])\n"
    )
    project.program('Vault("orders", region_id="cn-hangzhou")')
    failing = policed(project, "preview", pack=own_pack).failed()
    assert told(failing) == [LEFT_OUT, ("mandatory", "cloudbackup-failed", "shop-dev")]
    assert (
        f"Policy wrong raised AttributeError: 'Proposal' object has no attribute 'vault' ({program}:5)."
        in failing.output
    )

    program.write_text(program.read_text().replace("proposal.vault\n", "()\n"))
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"cloudbackup-not-judged": "mandatory"}))
    strict = policed(project, "preview", "--policy-pack-config", str(settings), pack=own_pack).failed()
    assert told(strict) == [("mandatory", *LEFT_OUT[1:])]

    program.write_text(program.read_text().replace("nothing_is_deleted()", "nothing_is_deleted"))
    none = policed(project, "preview", pack=own_pack).failed()
    assert f"{program}:6: nothing_is_deleted is no policy: call it, and give it what it asks for." in none.output
