"""Optuna's samplers on the choices of NAS-Bench-201: how long ask and tell take, how good the best is.

Usage: optuna_ask_tell.py SAMPLER SEED TRIALS [TABLE VALID TEST]
Prints a line of JSON: CPU microseconds of each ask and tell, and the best validation and test value
after each trial. An architecture that is proposed again costs no query: its result is known.
"""

import csv
import gzip
import json
import sys
import time

import optuna

OPS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
EDGES = ["0_1", "0_2", "1_2", "0_3", "1_3", "2_3"]


def name(ops):
    """The official name of a cell."""
    nodes = [[(ops[0], 0)], [(ops[1], 0), (ops[2], 1)], [(ops[3], 0), (ops[4], 1), (ops[5], 2)]]
    return "+".join("|" + "".join(f"{op}~{at}|" for op, at in node) for node in nodes)


def read(path, valid, test):
    """Validation and test accuracy by the name of the cell."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        return {row["arch"]: (float(row[valid]), float(row[test])) for row in csv.DictReader(lines)}


def made_up(ops):
    """A value that depends on all choices, where there is no table."""
    value = sum(OPS.index(op) * (at + 1) % 7 for at, op in enumerate(ops))
    return (float(value), float(value))


def main():
    sampler, seed, trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    table = read(*sys.argv[4:7]) if len(sys.argv) > 4 else None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = {
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "tpe_multivariate": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    }[sampler]()
    study = optuna.create_study(direction="maximize", sampler=made)
    micros, best_valid, best_test, known = [], [], [], {}
    asked = 0
    while len(best_valid) < trials and asked < 20 * trials:
        asked += 1
        before = time.process_time()
        trial = study.ask()
        ops = [trial.suggest_categorical(f"edge_{edge}", OPS) for edge in EDGES]
        spent = time.process_time() - before
        cell = name(ops)
        new = cell not in known
        valid, test = table[cell] if table else made_up(ops)
        known[cell] = valid
        before = time.process_time()
        study.tell(trial, valid)
        micros.append(1e6 * (spent + time.process_time() - before))
        if new:
            better = not best_valid or valid > best_valid[-1]
            best_valid.append(valid if better else best_valid[-1])
            best_test.append(test if better else best_test[-1])
    print(json.dumps({"micros": micros, "valid": best_valid, "test": best_test}))


main()
