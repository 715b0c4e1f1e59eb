"""PyTorch's side of `cargo xtask bench-torch`.

Usage: torch_peer.py THREADS
Answers on standard output what it is asked on standard input; crates/core/examples/torch_peer.rs
says what that is. The cases have the names of its tables. A mode is eager, channels_last or
compile.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 64
ENOUGH_SECONDS = 0.05
CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|"


class Missing(Exception):
    """There is no such case or mode."""


# Operations: each makes its inputs, whose gradients are all computed, and a function of them.


def on(*shapes):
    """An operation on tensors of these shapes."""
    return lambda function: ([torch.rand(shape) - 0.5 for shape in shapes], function)


def conv(inputs, outputs, size, kernel, stride=1, dilation=1, groups=1):
    padding = dilation * (kernel - 1) // 2
    weight = (outputs, inputs // groups, kernel, kernel)
    return on((BATCH, inputs, size, size), weight)(
        lambda x, w: F.conv2d(x, w, None, stride, padding, dilation, groups)
    )


def depthwise(channels, size, kernel, dilation=1):
    return conv(channels, channels, size, kernel, dilation=dilation, groups=channels)


def batch_norm(channels, size):
    mean, variance = torch.zeros(channels), torch.ones(channels)
    return on((BATCH, channels, size, size), (channels,), (channels,))(
        lambda x, scale, shift: F.batch_norm(x, mean, variance, scale, shift, training=True)
    )


def cross_entropy():
    labels = torch.arange(BATCH) % 10
    return on((BATCH, 10))(lambda x: F.cross_entropy(x, labels, label_smoothing=0.1))


LARGE, SMALL = (BATCH, 16, 32, 32), (BATCH, 64, 8, 8)
OPERATIONS = {
    "conv_3x3/16x32x32": lambda: conv(16, 16, 32, 3),
    "conv_3x3/32x16x16": lambda: conv(32, 32, 16, 3),
    "conv_3x3/64x8x8": lambda: conv(64, 64, 8, 3),
    "conv_3x3_stride_2/16x32x32": lambda: conv(16, 32, 32, 3, stride=2),
    "conv_1x1/16x32x32": lambda: conv(16, 16, 32, 1),
    "conv_1x1/64x8x8": lambda: conv(64, 64, 8, 1),
    "conv_5x5/16x32x32": lambda: conv(16, 16, 32, 5),
    "conv_5x5/16x16x16": lambda: conv(16, 16, 16, 5),
    "conv_7x7/16x32x32": lambda: conv(16, 16, 32, 7),
    "conv_7x7/16x16x16": lambda: conv(16, 16, 16, 7),
    "depthwise_3x3/16x32x32": lambda: depthwise(16, 32, 3),
    "depthwise_3x3/64x8x8": lambda: depthwise(64, 8, 3),
    "depthwise_5x5/16x32x32": lambda: depthwise(16, 32, 5),
    "depthwise_5x5/64x8x8": lambda: depthwise(64, 8, 5),
    "depthwise_3x3_dilation_2/16x32x32": lambda: depthwise(16, 32, 3, dilation=2),
    "depthwise_3x3_dilation_2/64x8x8": lambda: depthwise(64, 8, 3, dilation=2),
    "depthwise_5x5_dilation_2/16x32x32": lambda: depthwise(16, 32, 5, dilation=2),
    "depthwise_5x5_dilation_2/64x8x8": lambda: depthwise(64, 8, 5, dilation=2),
    "avg_pool_3x3/16x32x32": lambda: on(LARGE)(
        lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    ),
    "max_pool_3x3/16x32x32": lambda: on(LARGE)(lambda x: F.max_pool2d(x, 3, 1, 1)),
    "max_pool_2x2_stride_2/16x32x32": lambda: on(LARGE)(lambda x: F.max_pool2d(x, 2)),
    "batch_norm/16x32x32": lambda: batch_norm(16, 32),
    "batch_norm/64x8x8": lambda: batch_norm(64, 8),
    "relu/16x32x32": lambda: on(LARGE)(F.relu),
    "global_average_pool/64x8x8": lambda: on(SMALL)(lambda x: x.mean((2, 3))),
    "linear/784x256": lambda: on((BATCH, 784), (256, 784), (256,))(F.linear),
    "cross_entropy/10": lambda: cross_entropy(),
}


def operation(name, mode, backward):
    inputs, function = OPERATIONS[name]()
    if mode == "compile":
        raise Missing("what is compiled are networks")
    if mode == "channels_last":
        if inputs[0].dim() != 4:
            raise Missing("it has no images")
        last = torch.channels_last
        inputs = [x.contiguous(memory_format=last) if x.dim() == 4 else x for x in inputs]
    if not backward:
        return inputs, lambda: function(*inputs)
    inputs = [x.requires_grad_() for x in inputs]
    ones = torch.ones_like(function(*inputs))
    return inputs, lambda: torch.autograd.grad(function(*inputs), inputs, ones)


# The NAS-Bench-201 network (X. Dong, Y. Yang 2020).


def relu_conv_bn(inputs, outputs, kernel, stride=1):
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def edge(op, channels):
    return {
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: relu_conv_bn(channels, channels, 1),
        "nor_conv_3x3": lambda: relu_conv_bn(channels, channels, 3),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    }[op]()


class Cell(nn.Module):
    """An edge of the operation `none` adds nothing, so there is none."""

    def __init__(self, channels):
        super().__init__()
        self.edges = nn.ModuleDict()
        for to, node in enumerate(CELL.split("+"), 1):
            for part in node.strip("|").split("|"):
                op, start = part.split("~")
                if op != "none":
                    self.edges[f"{start}_{to}"] = edge(op, channels)

    def forward(self, x):
        nodes = [x]
        for to in range(1, 4):
            terms = [
                self.edges[f"{start}_{to}"](nodes[start])
                for start in range(to)
                if f"{start}_{to}" in self.edges
            ]
            nodes.append(sum(terms[1:], terms[0]))
        return nodes[3]


class Reduction(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        first, second = relu_conv_bn(inputs, outputs, 3, 2), relu_conv_bn(outputs, outputs, 3)
        self.block = nn.Sequential(first, second)
        project = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), project)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


def nas_bench_201(cells, channels=16, classes=10):
    layers = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    for stage in range(3):
        width = channels << stage
        if stage > 0:
            layers.append(Reduction(width // 2, width))
        layers += [Cell(width) for _ in range(cells)]
    layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(width, classes))


# The network of the DARTS space (H. Liu, K. Simonyan, Y. Yang 2019), without an auxiliary head and
# without dropping paths. An edge is the operation and the number of the node that it reads.

NORMAL = [
    ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2),
]  # fmt: skip
REDUCE = [
    ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
    ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1),
]  # fmt: skip


class Halved(nn.Module):
    """Half of the channels of even rows and columns, half of odd ones."""

    def __init__(self, inputs, outputs):
        super().__init__()
        half = lambda: nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.even, self.odd, self.norm = half(), half(), nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = F.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))


def by_channel(channels, kernel, stride, dilation=1):
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


def darts_edge(op, channels, stride):
    kind, _, size = op.rpartition("_")
    if kind == "sep_conv":
        kernel = int(size[0])
        first, second = by_channel(channels, kernel, stride), by_channel(channels, kernel, 1)
        return nn.Sequential(*first, *second)
    if kind == "dil_conv":
        return nn.Sequential(*by_channel(channels, int(size[0]), stride, dilation=2))
    if kind == "max_pool":
        return nn.MaxPool2d(3, stride, 1)
    if kind == "avg_pool":
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    return nn.Identity() if stride == 1 else Halved(channels, channels)


class DartsCell(nn.Module):
    def __init__(self, edges, before_last, last, channels, reduces, reduced):
        super().__init__()
        adapt = Halved if reduced else lambda a, b: relu_conv_bn(a, b, 1)
        self.adapt = nn.ModuleList([adapt(before_last, channels), relu_conv_bn(last, channels, 1)])
        self.sources = [source for _, source in edges]
        self.edges = nn.ModuleList(
            darts_edge(op, channels, 2 if reduces and source < 2 else 1) for op, source in edges
        )

    def forward(self, before_last, last):
        nodes = [self.adapt[0](before_last), self.adapt[1](last)]
        for at in range(0, len(self.edges), 2):
            first, second = (self.edges[i](nodes[self.sources[i]]) for i in (at, at + 1))
            nodes.append(first + second)
        return torch.cat(nodes[2:], 1)


class Darts(nn.Module):
    def __init__(self, channels=16, layers=8, classes=10):
        super().__init__()
        width = 3 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        before_last, last, reduced = width, width, False
        self.cells = nn.ModuleList()
        for layer in range(layers):
            reduces = layer in (layers // 3, 2 * layers // 3)
            channels *= 2 if reduces else 1
            edges = REDUCE if reduces else NORMAL
            self.cells.append(DartsCell(edges, before_last, last, channels, reduces, reduced))
            before_last, last, reduced = last, 4 * channels, reduces
        self.classifier = nn.Linear(last, classes)

    def forward(self, x):
        before_last = last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        return self.classifier(last.mean((2, 3)))


# The supernets of both spaces, as published: each edge mixes its operations by a softmax. `none` adds
# nothing, so it is not computed. Normalizations in operations have no scale and shift.


def plain(module):
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight = part.bias = None
            part.affine = False
    return module


class Mixed(nn.Module):
    def __init__(self, ops):
        super().__init__()
        self.ops = nn.ModuleList(plain(op) for op in ops)

    def forward(self, x, weights):
        return sum(weight * op(x) for weight, op in zip(weights[1:], self.ops))


class MixedCell(nn.Module):
    def __init__(self, channels):
        super().__init__()
        names = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
        self.edges = nn.ModuleList(Mixed([edge(op, channels) for op in names]) for _ in range(6))

    def forward(self, x, weights):
        nodes, edges = [x], iter(zip(self.edges, weights))
        for _ in range(3):
            nodes.append(sum(mixed(x, w) for x, (mixed, w) in zip(nodes, edges)))
        return nodes[3]


class MixedNasBench201(nn.Module):
    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(1e-3 * torch.randn(6, 5))
        self.layers = nas_bench_201(5)
        for at, layer in enumerate(self.layers):
            if isinstance(layer, Cell):
                before = self.layers[:at]
                channels = 16 << sum(isinstance(other, Reduction) for other in before)
                self.layers[at] = MixedCell(channels)

    def forward(self, x):
        weights = self.alpha.softmax(1)
        for layer in self.layers:
            x = layer(x, weights) if isinstance(layer, MixedCell) else layer(x)
        return x


DARTS_OPS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
    "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip


def darts_option(op, channels, stride):
    made = darts_edge(op, channels, stride)
    return nn.Sequential(made, nn.BatchNorm2d(channels)) if "pool" in op else made


class MixedDartsCell(DartsCell):
    def __init__(self, before_last, last, channels, reduces, reduced):
        super().__init__([], before_last, last, channels, reduces, reduced)
        self.edges = nn.ModuleList(
            Mixed([darts_option(op, channels, 2 if reduces and i < 2 else 1) for op in DARTS_OPS])
            for node in range(4)
            for i in range(2 + node)
        )

    def forward(self, before_last, last, weights):
        nodes = [self.adapt[0](before_last), self.adapt[1](last)]
        edges = iter(zip(self.edges, weights))
        for _ in range(4):
            nodes.append(sum(mixed(x, w) for x, (mixed, w) in zip(nodes, edges)))
        return torch.cat(nodes[2:], 1)


class MixedDarts(Darts):
    def __init__(self, channels=16, layers=8):
        super().__init__(channels, layers)
        self.alphas = nn.Parameter(1e-3 * torch.randn(2, 14, 8))
        width = 3 * channels
        before_last, last, reduced = width, width, False
        for layer in range(layers):
            reduces = layer in (layers // 3, 2 * layers // 3)
            channels *= 2 if reduces else 1
            self.cells[layer] = MixedDartsCell(before_last, last, channels, reduces, reduced)
            before_last, last, reduced = last, 4 * channels, reduces

    def forward(self, x):
        weights = self.alphas.softmax(2)
        before_last = last = self.stem(x)
        for layer, cell in enumerate(self.cells):
            reduces = layer in (len(self.cells) // 3, 2 * len(self.cells) // 3)
            before_last, last = last, cell(before_last, last, weights[int(reduces)])
        return self.classifier(last.mean((2, 3)))


def mlp():
    hidden = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(128, 10))


# Name: network, shape of an input, size of a batch.
STEPS = {
    "nas_bench_201/n1": (lambda: nas_bench_201(1), (3, 32, 32), 64),
    "nas_bench_201/n5": (lambda: nas_bench_201(5), (3, 32, 32), 64),
    "darts/c16": (Darts, (3, 32, 32), 64),
    "supernet/nas_bench_201": (MixedNasBench201, (3, 32, 32), 64),
    "supernet/darts": (MixedDarts, (3, 32, 32), 64),
    "mlp/64": (mlp, (1, 28, 28), 64),
    "mlp/256": (mlp, (1, 28, 28), 256),
}


def step(name, mode):
    """A training step on a batch that is put together of examples, which are normalized already."""
    make, shape, batch = STEPS[name]
    model = make().train()
    parameters = list(model.parameters())
    examples, labels = torch.rand(2 * batch, *shape), torch.arange(2 * batch) % 10
    order = torch.randperm(2 * batch)
    optimizer = torch.optim.SGD(
        parameters, lr=0.025, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    network = model
    if mode == "channels_last":
        if name.startswith("mlp"):
            raise Missing("it has no convolutions")
        if name.startswith("supernet"):
            raise Missing("three networks of this size at a time need over 20 GB")
        model.to(memory_format=torch.channels_last)
        examples = examples.contiguous(memory_format=torch.channels_last)
    elif mode == "compile":
        if name.startswith("supernet"):
            raise Missing("supernets are compared as they are trained, uncompiled")
        torch._dynamo.reset()
        network = torch.compile(model)

    def iteration():
        nonlocal order
        order = order.roll(batch)
        chosen = order[:batch]
        optimizer.zero_grad()
        loss = F.cross_entropy(network(examples[chosen]), labels[chosen])
        loss.backward()
        loss.item()
        optimizer.step()

    return parameters, iteration


def find(name, mode):
    if mode not in ("eager", "channels_last", "compile"):
        raise Missing("there is no such mode")
    stem, _, passes = name.rpartition("/")
    if stem in OPERATIONS and passes in ("forward", "forward_backward"):
        return operation(stem, mode, passes == "forward_backward")
    if name in STEPS:
        return step(name, mode)
    raise Missing("there is no such case")


def status_kib(name):
    """A number of /proc/self/status, where there is that."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return None


class Peer:
    def prepare(self, name, mode):
        self.iteration = None
        try:
            # The peak counts from here, where the system can do that.
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass
        self.resident = status_kib("VmRSS")
        try:
            parameters, self.iteration = find(name, mode)
            first = self.measure(1)
        except Missing as reason:
            return f"missing {reason}"
        except Exception as error:  # torch.compile has many, of many parts
            return f"missing it failed: {' '.join(repr(error).split())[:200]}"
        self.passes = 1
        while self.passes * self.measure(self.passes) < ENOUGH_SECONDS:
            self.passes *= 2
        return f"ready {sum(p.numel() for p in parameters)} {first}"

    def measure(self, passes):
        begun = time.perf_counter()
        for _ in range(passes):
            self.iteration()
        return (time.perf_counter() - begun) / passes

    def run(self, passes=None):
        # The other processes have used the caches meanwhile, which a short pass would notice.
        if self.passes > 1 and passes is None:
            self.iteration()
        return f"time {1e3 * self.measure(int(passes or self.passes))}"

    def memory(self):
        peak = status_kib("VmHWM")
        if peak is None or self.resident is None:
            return "missing this system has no /proc/self/status"
        return f"memory {max(0, peak - self.resident) / 1024}"


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    peer = Peer()
    commands = {"prepare": peer.prepare, "run": peer.run, "memory": peer.memory}
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "quit":
            return
        print(commands[command](*arguments), flush=True)


main()
