"""What the checks find on ttnn devices: memory, decoding, timing, modules that are ttnn already."""

from __future__ import annotations

from typing import Any

import pytest
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

TILE_BYTES = 1088  # of bfloat8_b: 1024 numbers of a byte, and 64 shared exponents


def results(what: str, board: str = "n150") -> dict[str, dict[str, Any]]:
    by_id = {result["id"].partition("/")[2]: result for result in printed_by("checked.py", what, board)}
    for result in by_id.values():
        result["by_name"] = {m["name"]: m for m in result["measurements"]}
    return by_id


def test_memory_of_swiglu_equals_the_hand_count_within_one_percent() -> None:
    weights = 3 * (4096 * 14336 // 1024) * TILE_BYTES
    activations = 2 * 32 * (4096 + 3 * 14336)  # bfloat16: input, gate, up and their product
    measured = results("memory")["fits[memory]"]["by_name"]
    assert measured["memory_mb"]["value"] * 1e6 == pytest.approx(weights + activations, rel=0.01)
    assert measured["dram_mb"]["value"] == measured["memory_mb"]["value"]
    assert measured["dram_mb"]["capacity"] == pytest.approx(12_872.318208)
    assert 0 < measured["l1_per_core_kb"]["value"] < measured["l1_per_core_kb"]["capacity"] == 1360.544


def test_what_does_not_fit_fails_with_how_many_bytes_are_missing() -> None:
    result = results("memory")["too_large[memory]"]
    assert result["outcome"] == "failed"
    assert result["message"] == (
        "ttnn.multiply of (1, 140000, 14336), (1, 140000, 14336) does not fit: 504,043,008 bytes are "
        "missing: each of 12 DRAM banks needs 334,508,032 bytes and has 292,504,448 free "
        "(780,188,736 of 1,072,693,184 are in use)"
    )


@pytest.mark.parametrize("board", ["n150", "n300", "t3k", "p100", "p150"])
def test_the_capacity_of_a_board_is_what_ttnn_hands_out(board: str) -> None:
    ttnns, ours = printed_by("checked.py", "capacity", board)
    assert ttnns == ours


@pytest.mark.parametrize("board", ["n150", "n300"])
@pytest.mark.parametrize(("test", "length"), [("heads", 256), ("layer", 64)])
def test_a_decode_step_is_right_on_a_mock_board(board: str, test: str, length: int) -> None:
    by_id = results("decode", board)
    correctness = by_id[f"{test}[correctness]"]
    assert correctness["outcome"] == "passed"
    assert 0.999 < correctness["by_name"]["correlation"]["value"] < 1
    assert correctness["config"]["decode_cache_length"] == length
    assert by_id[f"{test}[performance]"]["outcome"] == "unavailable"
    assert by_id[f"{test}[memory]"]["outcome"] == "passed"


def test_a_device_that_times_gives_tokens_a_second() -> None:
    timed = results("timing")["heads[performance]"]
    assert timed["outcome"] == "passed"
    latency_ms = timed["by_name"]["latency_ms"]["value"]
    assert timed["by_name"]["tokens_per_s_per_user"]["value"] == pytest.approx(1000 / latency_ms)


def test_programs_compiled_while_it_is_timed_are_an_error() -> None:
    result = results("timing")["compiles[performance]"]
    assert result["outcome"] == "error"
    assert "programs were compiled while the call was timed" in result["message"]


def test_warming_up_ends_when_its_time_is_up_and_the_call_that_compiles_does_not_count() -> None:
    assert printed_by("checked.py", "warm-up", "n150") == [2, 10]


def test_a_module_that_is_ttnn_already_is_judged_by_its_torch_reference() -> None:
    by_id = results("ttnn")
    assert by_id["already[correctness]"]["outcome"] == "passed"
    assert by_id["wrong[correctness]"]["outcome"] == "failed"
    assert "scaled by 1.49" in by_id["wrong[correctness]"]["message"]
    weight, value = 64 * 64 * 2, 64 * 64 * 2
    assert by_id["already[memory]"]["by_name"]["dram_mb"]["value"] * 1e6 == weight + 2 * value


@pytest.mark.parametrize("test", ["frees", "lazy", "own_cache"])
def test_a_module_that_frees_its_input_or_makes_its_weights_or_cache_itself_is_judged(test: str) -> None:
    judged = results("upstream")
    for check in ("correctness", "memory"):
        assert judged[f"{test}[{check}]"]["outcome"] == "passed", judged[f"{test}[{check}]"]["message"]
    assert test == "own_cache" or judged[f"{test}[performance]"]["limit"]["latency_ms"] > 0


def test_memory_of_a_module_that_frees_its_input_never_holds_input_and_output_at_once() -> None:
    by_name = results("ttnn")["frees_early[memory]"]["by_name"]
    value = 64 * 64 * 2
    assert by_name["dram_mb"]["value"] * 1e6 == 2 * value
    assert by_name["l1_per_core_kb"]["value"] == 6 * 2.048  # of the addition: two tiles of each


def test_an_implementation_that_a_user_keeps_is_counted_each_time() -> None:
    by_id, weight, value = results("ttnn"), 64 * 64 * 2, 64 * 64 * 2
    for name in ("keeps", "keeps_still"):
        assert by_id[f"{name}[memory]"]["by_name"]["dram_mb"]["value"] * 1e6 == weight + 2 * value


def test_an_implementation_that_a_user_keeps_keeps_its_values() -> None:
    by_id = results("ttnn")
    assert by_id["keeps[correctness]"]["outcome"] == "passed"
    assert by_id["keeps_still[correctness]"]["outcome"] == "passed"


def test_the_values_of_a_test_are_forgotten_when_it_is_released() -> None:
    assert printed_by("checked.py", "released", "n150") == 0


def test_the_lowest_float32_of_a_mask_stays_finite_on_a_board() -> None:
    assert printed_by("checked.py", "lowest", "n150") == [True, False]


def test_what_has_no_implementation_is_unavailable_and_says_why() -> None:
    by_id = results("absent")
    for name in ("trains", "in_a_sequence"):
        result = by_id[f"{name}[correctness]"]
        assert result["outcome"] == "unavailable"
        assert "Dropout that drops at random has no ttnn implementation; call .eval()" in result["message"]
    assert by_id["without_effect[correctness]"]["outcome"] == "passed"
    assert by_id["norms[correctness]"]["outcome"] == "unavailable"
    assert "heads 48 wide are filled up to 64 on the board" in by_id["norms[correctness]"]["message"]


def test_heads_are_filled_up_in_numbers_and_memory_alike() -> None:
    by_id = results("narrow_heads")
    assert by_id["heads[correctness]"]["outcome"] == "passed"
    memory = by_id["heads[memory]"]["by_name"]["dram_mb"]["value"] * 1e6
    weights = 4 * (96 * 2 * 64 // 1024) * TILE_BYTES  # q, k, v and out, each of two heads of 64, not 48
    queries_keys_values = 3 * 64 * 2 * 64 * 2  # bfloat16, before and after the heads are split
    assert memory == weights + 64 * 96 * 2 + 2 * queries_keys_values


def test_outputs_nested_in_any_way_are_read_measured_and_judged_on_a_mock_board() -> None:
    by_id = results("nested")
    outcomes = {name: result["outcome"] for name, result in by_id.items()}
    outcomes = {name: outcome for name, outcome in outcomes.items() if outcome != "unavailable"}
    wrong = by_id["wrong[correctness]"]
    assert outcomes.pop("wrong[correctness]") == "failed"
    assert wrong["message"].startswith("output 0: correlation 0.999997, yet off by 0.5 standard deviations")
    assert "\noutput 0: the output is scaled by 1.49" in wrong["message"]
    assert set(outcomes.values()) == {"passed"}, by_id
    names = {name.partition("[")[0] for name in outcomes}
    assert names == {"named_tuple", "dataclass", "mapping", "model_output", "list", "wrong"}
