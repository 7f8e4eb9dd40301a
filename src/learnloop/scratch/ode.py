"""Neural ODE: a network whose depth is time. A field says how fast the state moves; a solver walks along it.

    the model        dh/dt = f(h(t), t, theta)
    Euler            h' = h + dt f(h, t)
    Runge-Kutta 4    k1 = f(h, t),  k2 = f(h + dt/2 k1, t + dt/2),  k3 = f(h + dt/2 k2, t + dt/2),
                     k4 = f(h + dt k3, t + dt),  h' = h + dt/6 (k1 + 2 k2 + 2 k3 + k4)
    the field here   f(h, t) = tanh(W h + b), theta = (W, b); in rows: tanh(h W^T + b)
    its derivative   du = df * (1 - f^2),  dh = du W,  dW = du^T h,  db = sum over the batch of du

    here   shape                       torchdiffeq (PyTorch itself has no ODE solver)
    f      function of (h, t)          func(t, y): the arguments are turned round
    h0     [batch, features]           y0
    path   [steps + 1, batch, features]  odeint(func, y0, t, method="euler")
    W, b   [features, features], [features]  nn.Linear(features, features).weight, .bias

Source: guide "Deep Learning & Neural Networks", section 13.3, equation 80, which names the model and no solver. Chen
et al., Neural Ordinary Differential Equations, 2018. Hairer, Norsett and Wanner, Solving Ordinary Differential
Equations I, II.1 (order: the error at a fixed time is of order dt for Euler, dt^4 for Runge-Kutta 4).

Where they differ. torchdiffeq's method="rk4" is the 3/8 rule, another Runge-Kutta rule of order 4: same order, other
digits. The gradient below goes back through the steps that were taken and is exact for them; Chen et al. instead solve
a second ODE backwards (the adjoint), which saves memory and agrees only as dt goes to 0.
One Euler step with dt = 1 is a residual block: h + f(h).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Field: TypeAlias = Callable[[Array, float], Array]
Gradients: TypeAlias = tuple[Array, Array, Array]


def euler_step(f: Field, h: Array, t: float, dt: float) -> Array:
    """h' = h + dt f(h, t): straight on in the direction at the start. Same shape as h."""
    return h + dt * f(h, t)


def rk4_step(f: Field, h: Array, t: float, dt: float) -> Array:
    """h' = h + dt/6 (k1 + 2 k2 + 2 k3 + k4): four looks at the field. Same shape as h."""
    k1, k2, k3, k4 = slopes(f, h, t, dt)
    return h + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def slopes(f: Field, h: Array, t: float, dt: float) -> tuple[Array, Array, Array, Array]:
    """k1, k2, k3, k4 of one Runge-Kutta 4 step, each of h's shape."""
    k1 = f(h, t)
    k2 = f(h + dt / 2 * k1, t + dt / 2)
    k3 = f(h + dt / 2 * k2, t + dt / 2)
    k4 = f(h + dt * k3, t + dt)
    return k1, k2, k3, k4


def flow(step: Callable[[Field, Array, float, float], Array], f: Field, h0: Array, span: float, steps: int) -> Array:
    """The states at t = 0, dt, 2 dt, ..., span with dt = span / steps, `step` being euler_step or rk4_step.

    h0 [...] -> path [steps + 1, ...]."""
    dt = span / steps
    path = [h0]
    for n in range(steps):
        path.append(step(f, path[-1], n * dt, dt))
    return np.stack(path)


def tanh_field(W: Array, b: Array) -> Field:
    """f(h, t) = tanh(W h + b). W [features, features], b [features], h [batch, features] -> [batch, features].

    f raises ValueError where the shapes do not fit."""

    def f(h: Array, t: float) -> Array:
        if W.shape != (h.shape[-1], h.shape[-1]) or b.shape != h.shape[-1:]:
            raise ValueError(
                f"f = tanh(h W^T + b): W is {list(W.shape)}, b is {list(b.shape)}, h is {list(h.shape)}; "
                f"dh/dt has h's shape, so W must be [{h.shape[-1]}, {h.shape[-1]}] and b [{h.shape[-1]}]"
            )
        return np.tanh(h @ W.T + b)  # [batch, features]

    return f


def tanh_field_backward(df: Array, h: Array, W: Array, b: Array) -> Gradients:
    """dh, dW, db from df = dL/df at the state h."""
    f = tanh_field(W, b)(h, 0.0)
    # tanh'(u) = 1 - tanh(u)^2
    du = df * (1 - f**2)  # [batch, features]
    # u = h W^T + b
    return du @ W, du.T @ h, du.sum(axis=0)  # [batch, features], [features, features], [features]


def euler_step_backward(dy: Array, h: Array, W: Array, b: Array, dt: float) -> Gradients:
    """dh, dW, db from dy = dL/dh' of one Euler step from h through the tanh field."""
    # h' = h + dt f: dL/dh' reaches h directly, and f times dt
    dh, dW, db = tanh_field_backward(dt * dy, h, W, b)
    return dy + dh, dW, db


def rk4_step_backward(dy: Array, h: Array, W: Array, b: Array, dt: float) -> Gradients:
    """dh, dW, db from dy = dL/dh' of one Runge-Kutta 4 step from h through the tanh field."""
    k1, k2, k3, _ = slopes(tanh_field(W, b), h, 0.0, dt)
    # h' = h + dt/6 (k1 + 2 k2 + 2 k3 + k4) gives dk4 = dt/6 dy at once; dk3 also gets dt du4, for k4 = f(h + dt k3)
    du4, dW4, db4 = tanh_field_backward(dt / 6 * dy, h + dt * k3, W, b)
    # k3 = f(h + dt/2 k2), k2 = f(h + dt/2 k1): the same, with half a step
    du3, dW3, db3 = tanh_field_backward(dt / 3 * dy + dt * du4, h + dt / 2 * k2, W, b)
    du2, dW2, db2 = tanh_field_backward(dt / 3 * dy + dt / 2 * du3, h + dt / 2 * k1, W, b)
    du1, dW1, db1 = tanh_field_backward(dt / 6 * dy + dt / 2 * du2, h, W, b)
    # h stands in h' itself and in the four places where the field was looked at
    return dy + du1 + du2 + du3 + du4, dW1 + dW2 + dW3 + dW4, db1 + db2 + db3 + db4


def flow_backward(
    dy: Array, path: Array, step_backward: Callable[..., Gradients], W: Array, b: Array, span: float
) -> Gradients:
    """dh0, dW, db from dy = dL/dh(span), back through every step of `path`; step_backward is the step's own."""
    dt = span / (len(path) - 1)
    dh, dW, db = dy, np.zeros_like(W), np.zeros_like(b)
    for h in path[-2::-1]:
        dh, dW_step, db_step = step_backward(dh, h, W, b, dt)
        # the same W and b act in every step: their gradients add up
        dW, db = dW + dW_step, db + db_step
    return dh, dW, db


def example() -> dict[str, Array]:
    """Decay dh/dt = -h from 1 to time 1 in two steps (exactly e^-t), and a tanh field that turns."""
    one, span, steps = np.array([[1.0]]), 1.0, 2
    decay = {"decay_euler": flow(euler_step, lambda h, t: -h, one, span, steps)[:, 0, 0]}
    decay["decay_rk4"] = flow(rk4_step, lambda h, t: -h, one, span, steps)[:, 0, 0]
    decay["decay_exact"] = np.exp(-span * np.arange(steps + 1) / steps)
    W, b, h0 = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.zeros(2), np.array([[0.8, 0.0]])
    path = flow(euler_step, tanh_field(W, b), h0, span, steps)
    dy = np.array([[0.0, 1.0]])  # L = second feature at the end
    dh0, dW, db = flow_backward(dy, path, euler_step_backward, W, b, span)
    return decay | {"W": W, "b": b, "h0": h0, "path": path, "dy": dy, "dh0": dh0, "dW": dW, "db": db}
