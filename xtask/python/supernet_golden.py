"""DARTS on a small supernet of NAS-Bench-201, by PyTorch in double precision: gradients of α of first
and of second order, and where two steps of α and of the weights lead with each of them. It is what
`crates/core/tests/fixtures/darts_step.json` holds.

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
    first_moments = {w: 0.01 * numbers(w.numel(), 17).view_as(w) for w in weights}
    first_moments |= {w: torch.zeros_like(w) for w in others}
    first_alpha = numbers(30, 5).view(6, 5)
    alpha = first_alpha.clone().requires_grad_()
    pixels = SIDE * SIDE * BATCH
    # Two batches for the weights and two for α, in turn.
    batches = [
        (numbers(pixels, start).view(BATCH, 1, SIDE, SIDE), torch.arange(BATCH) * step % CLASSES)
        for start, step in ((0, 1), (123, 3), (2000, 7), (4321, 9))
    ]

    def gradients(batch):
        images, labels = batch
        loss = F.cross_entropy(model(images, alpha), labels)
        found = torch.autograd.grad(loss, [alpha, *weights, *others])
        return loss.item(), found[0], dict(zip([*weights, *others], found[1:]))

    def set_to(values):
        with torch.no_grad():
            for weight, value in values.items():
                weight.copy_(value)

    def values():
        return {w: w.detach().clone() for w in [*weights, *others]}

    def moved_moments(moments, of_weights):
        decay = {w: DECAY if w.dim() > 1 else 0.0 for w in of_weights}
        return {w: MOMENTUM * moments[w] + g + decay[w] * w for w, g in of_weights.items()}

    def second_order(train, valid, moments):
        before = values()
        step = moved_moments(moments, gradients(train)[2])
        set_to({w: before[w] - RATE * step[w] for w in before})
        _, gradient, direction = gradients(valid)
        epsilon = 0.01 / sum((g**2).sum() for g in direction.values()).sqrt()
        sides = []
        for sign in (1, -1):
            set_to({w: before[w] + sign * epsilon * direction[w] for w in before})
            sides.append(gradients(train)[1])
        set_to(before)
        return gradient - RATE * (sides[0] - sides[1]) / (2 * epsilon)

    def first_order(train, valid, moments):
        return gradients(valid)[1]

    def two_steps(gradient):
        set_to(first_values)
        moments = {w: moment.clone() for w, moment in first_moments.items()}
        with torch.no_grad():
            alpha.copy_(first_alpha)
        adam = torch.optim.Adam([alpha], lr=ALPHA_RATE, betas=BETAS, weight_decay=ALPHA_DECAY)
        for train, valid in (batches[:2], batches[2:]):
            alpha.grad = gradient(train, valid, moments)
            adam.step()
            moments = moved_moments(moments, gradients(train)[2])
            set_to({w: value - RATE * moments[w] for w, value in values().items()})
        after = torch.cat([w.detach().flatten() for w in model.parameters()])
        return {"alpha": listed(alpha.detach()), "every_fiftieth_weight": listed(after[::50])}

    def listed(x):
        return [float(f"{v:.9g}") for v in x.flatten().tolist()]

    first_values = values()
    train, valid = batches[:2]
    found = {
        "torch": torch.__version__.split("+")[0],
        "train_loss": gradients(train)[0],
        "valid_loss": gradients(valid)[0],
        "first_order": listed(first_order(train, valid, first_moments)),
        "second_order": listed(second_order(train, valid, first_moments)),
        "after_first_order": two_steps(first_order),
        "after_second_order": two_steps(second_order),
    }
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
    print("{\n " + ",\n ".join(lines) + "\n}")


main()
