"""Muon for the matrices inside the blocks, Adam for the rest; both resumable."""
import torch


def orthogonalise(g, steps=5):
    """Newton–Schulz iteration on a stack of matrices: nearly the nearest orthogonal ones."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16() if torch.backends.mkldnn.is_available() else g
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.transpose(-1, -2)
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True).to(x.dtype) + 1e-7)
    for _ in range(steps):
        s = x @ x.transpose(-1, -2)
        x = a * x + (b * s + c * (s @ s)) @ x
    if tall:
        x = x.transpose(-1, -2)
    return x.float()


class Optimiser:
    def __init__(self, net, matrix_lr, other_lr, momentum=0.95, decay=0.02):
        self.matrix_lr, self.other_lr, self.momentum, self.decay = matrix_lr, other_lr, momentum, decay
        named = list(net.named_parameters())
        matrices = [(n, p) for n, p in named if n.startswith("blocks.") and p.ndim == 2]
        taken = {n for n, _ in matrices}
        self.others = [p for n, p in named if n not in taken]
        shapes = {}
        for _, p in matrices:
            shapes.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(shapes.values())
        self.buffers = [torch.zeros(len(g), *g[0].shape) for g in self.groups]
        self.first = [torch.zeros_like(p) for p in self.others]
        self.second = [torch.zeros_like(p) for p in self.others]
        self.steps = 0

    @torch.no_grad()
    def step(self, scale, clip=1.0):
        """One update with both learning rates times `scale`; returns the norm of the gradient."""
        self.steps += 1
        grads = [p.grad for g in self.groups for p in g] + [p.grad for p in self.others]
        norm = torch.sqrt(sum((g * g).sum() for g in grads)).item()
        shrink = min(1.0, clip / (norm + 1e-6))
        for group, buffer in zip(self.groups, self.buffers):
            g = torch.stack([p.grad for p in group])
            buffer.mul_(self.momentum).add_(g, alpha=1 - self.momentum)
            update = orthogonalise(g.lerp(buffer, self.momentum))
            rows, cols = group[0].shape
            lr = self.matrix_lr * scale
            for p, u in zip(group, update):
                p.mul_(1 - lr * self.decay).add_(u, alpha=-lr * max(1.0, rows / cols) ** 0.5)
        b1, b2 = 0.9, 0.98
        for p, m, v in zip(self.others, self.first, self.second):
            g = p.grad * shrink
            m.mul_(b1).add_(g, alpha=1 - b1)
            v.mul_(b2).addcmul_(g, g, value=1 - b2)
            m_hat, v_hat = m / (1 - b1 ** self.steps), v / (1 - b2 ** self.steps)
            p.add_(m_hat / (v_hat.sqrt() + 1e-8), alpha=-self.other_lr * scale)
        for g in self.groups:
            for p in g:
                p.grad = None
        for p in self.others:
            p.grad = None
        return norm

    def state(self):
        return {"buffers": self.buffers, "first": self.first, "second": self.second, "steps": self.steps}

    def restore(self, state):
        self.buffers, self.first, self.second = state["buffers"], state["first"], state["second"]
        self.steps = state["steps"]
