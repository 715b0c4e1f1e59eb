"""How long a person waits for the kernel `nascent`, beside the stock kernel of evcxr with the same
toolkit as a dependency that is linked into each cell; and what a search costs the cells beside it.

Usage: kernel_latency.py ROUNDS DEPENDENCY, where both kernels are installed as `nascent` and
`stock`. Prints a line of JSON for each number: what it is of, ours, and the one beside it.
"""

import json
import random
import sys
import time

from jupyter_client.manager import KernelManager

# Each with a number that no cell had before, so that nothing is there already; the kernel keeps what it
# has compiled, also for a later run of this program.
FIRST = "Tensor::new(&[1f32, 2., N.], &Device::Cpu)?.sum_all()?.to_scalar::<f32>()?"
CELLS = [
    "let tensor_N = Tensor::arange(0f32, N.0, &Device::Cpu)?;",
    'println!("{}", tensor_N.sqr()?.sum_all()?.to_scalar::<f32>()?);',
    'let space_N = nascent::space::find("nas_bench_201")?.make(&json!({ "channels": 8 }), &())?;',
    "let spec_N = space_N.spec().clone();",
    'println!("{} choices", spec_N.choices().len());',
    'let graph_N = space_N.graph(&space_N.parse("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")?)?;',
]
SHOWN = ["tensor_N.clone()", "graph_N.clone()", "spec_N.choices().len() + N"]


NUMBERS = iter(random.sample(range(1_000, 50_000), 1_000))


def new_number():
    return str(next(NUMBERS))


class Kernel:
    running = []

    def __init__(self, name, before):
        self.begun = time.monotonic()
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel()
        self.running.append(self)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=300)
        self.ready = time.monotonic() - self.begun
        if before:
            self.run(before)
        self.run(FIRST.replace("N", new_number()))
        self.first = time.monotonic() - self.begun

    def run(self, code):
        """The seconds that a cell takes."""
        begun = time.monotonic()
        reply = self.client.execute_interactive(code, timeout=3600, output_hook=lambda message: None)
        if reply["content"]["status"] != "ok":
            sys.exit(f"{self.manager.kernel_name}: {code}: {reply['content']}")
        return time.monotonic() - begun

    def end(self):
        self.running.remove(self)
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def memory(self):
        """MiB of the kernel itself, without the process of the cells."""
        with open(f"/proc/{self.manager.provisioner.pid}/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["VmRSS"].split()[0]) / 1024


def say(what, ours, other):
    print(json.dumps({"what": what, "ours": ours, "other": other}), flush=True)


SEARCH = """let run = search! {
    space: "nas_bench_201 channels=8 cells=1", data: "digits", trials: 30, epochs: 12, workers: 1,
}?;"""


def beside_a_search():
    """Ten cells while nothing else runs, then ten of the same kind while a search of 30 trials does."""
    kernel = Kernel("nascent", None)
    ten = CELLS + SHOWN + ["N + 1"]

    def seconds():
        number = new_number()
        return [kernel.run(cell.replace("N", number)) for cell in ten]

    # A first time, for what the compiler and the pages of memory have not seen yet.
    seconds()
    alone, before = seconds(), kernel.memory()
    kernel.run(SEARCH)
    during = seconds()
    kernel.run("assert!(run.is_running());")
    for one, other in zip(during, alone):
        say("during", one, other)
    kernel.run("run.wait()?;")
    kernel.run("assert_eq!(run.view()?.finished_trials(), 30);")
    say("memory", kernel.memory(), before)
    kernel.end()


def main():
    rounds, dependency = int(sys.argv[1]), sys.argv[2]
    before = f"{dependency}\nuse nascent_notebook::prelude::*;\nnascent_notebook::init();"
    # What a first session finds to do is not what later ones wait for.
    Kernel("stock", before).end()
    Kernel("nascent", None).end()
    for number in range(rounds):
        pair = [("nascent", None), ("stock", before)]
        pair = pair if number % 2 == 0 else pair[::-1]
        kernels = {}
        for name, before_first in pair:
            kernels[name] = Kernel(name, before_first)
        ours, stock = kernels["nascent"], kernels["stock"]
        say("kernel_info", ours.ready, stock.ready)
        say("first", ours.first, stock.first)
        own = new_number()
        for kind, cells in (("cell", CELLS), ("shown", SHOWN)):
            for at, cell in enumerate(cells):
                code = cell.replace("N", own)
                order = (ours, stock) if (number + at) % 2 == 0 else (stock, ours)
                took = {kernel: kernel.run(code) for kernel in order}
                say(kind, took[ours], took[stock])
        ours.end()
        stock.end()
    beside_a_search()


try:
    main()
finally:
    for kernel in list(Kernel.running):
        kernel.end()
