"""One step of DARTS on a small supernet of NAS-Bench-201, of first and of second order, by PyTorch in
double precision: what `crates/core/tests/fixtures/darts_step.json` holds.

`cargo xtask golden` runs it. Weights, images and α are formulas that the test knows too.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

CHANNELS, CELLS, SIDE, BATCH, CLASSES = 4, 1, 8, 16, 10
RATE, MOMENTUM, DECAY = 0.25, 0.9, 3e-4
ALPHA_RATE, ALPHA_DECAY, BETAS = 3e-4, 1e-3, (0.5, 0.999)


def numbers(count, first=0):
    """Numbers from -0.5 to 0.5 in no visible order."""
    at = torch.arange(first, first + count, dtype=torch.int64)
    return (at * 7919 % 10007).double() / 10007 - 0.5


def relu_conv_bn(inputs, outputs, kernel, stride=1, affine=True):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(outputs, affine=affine))


class Cell(nn.Module):
    """Six edges, each of which mixes none, skip, 1x1, 3x3 and the average."""

    def __init__(self, channels):
        super().__init__()
        convs = lambda: nn.ModuleList(
            relu_conv_bn(channels, channels, kernel, affine=False) for kernel in (1, 3)
        )
        self.edges = nn.ModuleList(convs() for _ in range(6))

    def forward(self, x, mixture):
        nodes, edge = [x], 0
        for to in range(1, 4):
            total = 0
            for start in range(to):
                x, (one, three) = nodes[start], self.edges[edge]
                average = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
                options = (x * 0, x, one(x), three(x), average)
                total = total + sum(p * y for p, y in zip(mixture[edge], options))
                edge += 1
            nodes.append(total)
        return nodes[3]


class Reduction(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.first = relu_conv_bn(inputs, outputs, 3, 2)
        self.second = relu_conv_bn(outputs, outputs, 3)
        self.project = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return self.project(F.avg_pool2d(x, 2)) + self.second(self.first(x))


class Supernet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS)
        )
        self.stages = nn.ModuleList()
        for stage in range(3):
            width = CHANNELS << stage
            if stage > 0:
                self.stages.append(Reduction(width // 2, width))
            self.stages.extend(Cell(width) for _ in range(CELLS))
        self.norm, self.linear = nn.BatchNorm2d(width), nn.Linear(width, CLASSES)

    def forward(self, x, alpha):
        mixture, x = alpha.softmax(1), self.stem(x)
        for stage in self.stages:
            x = stage(x, mixture) if isinstance(stage, Cell) else stage(x)
        return self.linear(F.relu(self.norm(x)).mean((2, 3)))


def main():
    model = Supernet().double().train()
    weights = [w for w in model.parameters() if w.dim() > 1]
    others = [w for w in model.parameters() if w.dim() == 1]
    first = 0
    with torch.no_grad():
        for weight in weights:
            # Mostly positive: with many negative sums, a difference of two gradients is one of kinks.
            weight.copy_(numbers(weight.numel(), first).view_as(weight) + 0.25)
            first += weight.numel()
        model.linear.bias.zero_()
    moments = {w: 0.01 * numbers(w.numel(), 17).view_as(w) for w in weights}
    moments |= {w: torch.zeros_like(w) for w in others}
    alpha = numbers(30, 5).view(6, 5).requires_grad_()
    pixels = SIDE * SIDE * BATCH
    batches = [
        (numbers(pixels, start).view(BATCH, 1, SIDE, SIDE), torch.arange(BATCH) * step % CLASSES)
        for start, step in ((0, 1), (123, 3))
    ]

    def gradients(batch):
        images, labels = batch
        loss = F.cross_entropy(model(images, alpha), labels)
        found = torch.autograd.grad(loss, [alpha, *weights, *others])
        return loss.item(), found[0], dict(zip([*weights, *others], found[1:]))

    def change(of_weights):
        decay = {w: DECAY if w.dim() > 1 else 0.0 for w in of_weights}
        return {w: MOMENTUM * moments[w] + g + decay[w] * w for w, g in of_weights.items()}

    train, valid = batches
    train_loss, _, of_weights = gradients(train)
    valid_loss, first_order, _ = gradients(valid)
    before = {w: w.detach().clone() for w in [*weights, *others]}

    def set_to(values):
        with torch.no_grad():
            for weight, value in values.items():
                weight.copy_(value)

    step = change(of_weights)
    set_to({w: before[w] - RATE * step[w] for w in before})
    _, second_order, direction = gradients(valid)
    epsilon = 0.01 / sum((g**2).sum() for g in direction.values()).sqrt()
    sides = []
    for sign in (1, -1):
        set_to({w: before[w] + sign * epsilon * direction[w] for w in before})
        sides.append(gradients(train)[1])
    second_order = second_order - RATE * (sides[0] - sides[1]) / (2 * epsilon)
    set_to(before)

    moved = alpha.detach().clone().requires_grad_()
    adam = torch.optim.Adam([moved], lr=ALPHA_RATE, betas=BETAS, weight_decay=ALPHA_DECAY)
    moved.grad = first_order.clone()
    adam.step()

    after = [(before[w] - RATE * step[w]).flatten() for w in model.parameters()]
    listed = lambda x: [float(f"{v:.9g}") for v in x.flatten().tolist()]
    print(json.dumps({
        "torch": torch.__version__.split("+")[0],
        "train_loss": train_loss,
        "valid_loss": valid_loss,
        "first_order": listed(first_order),
        "second_order": listed(second_order),
        "alpha_after": listed(moved.detach()),
        "every_tenth_weight_after": listed(torch.cat(after).detach()[::10]),
    }, indent=1))  # fmt: skip


main()
