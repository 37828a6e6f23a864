"""Builds a model for one engine, in a process of its own that can be ended: build.py ENGINE MODEL SCRATCH OUTPUT.

lleaves compiles the model with LLVM, tl2cgen writes C for the C compiler, and XGBoost gets the same
trees in its own format.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys

LARGE = 5_000_000  # Bytes of model text from which on compilers are asked for less.


def lleaves(model: pathlib.Path, output: pathlib.Path, scratch: pathlib.Path) -> None:
    import lightgbm
    import lleaves as compiler

    # lleaves asks for fields which the committed models leave out; LightGBM fills them in.
    full, compiled = scratch / "model.txt", scratch / "model.o"
    lightgbm.Booster(model_file=str(model)).save_model(str(full))
    # Inlined, the medium model takes minutes to compile.
    inline = full.stat().st_size < LARGE / 10
    compiler.Model(model_file=str(full)).compile(cache=str(compiled), finline=inline)
    subprocess.run(["cc", "-shared", "-o", output, compiled, "-lm"], check=True)


def tl2cgen(model: pathlib.Path, output: pathlib.Path, scratch: pathlib.Path) -> None:
    import tl2cgen as generator
    import treelite

    size = model.stat().st_size
    units = 8 if size > LARGE / 10 else 0
    forest = treelite.frontend.load_lightgbm_model(str(model))
    generator.generate_c_code(forest, dirpath=str(scratch), params={"quantize": 1, "parallel_comp": units})
    level = "-O1" if size > LARGE else "-O3"

    def compile_one(source: pathlib.Path) -> pathlib.Path:
        compiled = source.with_suffix(".o")
        subprocess.run(["cc", level, "-fPIC", "-c", "-o", compiled, source], check=True)
        return compiled

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, scratch.glob("*.c")))
    subprocess.run(["cc", "-shared", "-o", output, *objects, "-lm"], check=True)


def xgboost(model: pathlib.Path, output: pathlib.Path, _: pathlib.Path) -> None:
    from xgboost_json import transcode

    output.write_text(transcode(model.read_text()))


def main() -> None:
    engine, model, scratch, output = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
    engines = {"lleaves": lleaves, "tl2cgen": tl2cgen, "xgboost": xgboost}
    engines[engine](model, scratch / "built", scratch)
    (scratch / "built").rename(output)  # Whole or not at all.


if __name__ == "__main__":
    main()
