"""Mixture of experts of the published 50M size, three ways in ONNX Runtime: what a layer costs by the number of points.

models/forge/.venv/bin/python experiments/time-moe-50m/expert_routing.py

dense: all experts compute all points, those not chosen weigh 0. gathered: each expert computes the points that chose
it. per point: the weights of the chosen experts are gathered for every point. Processor time of one thread, the median
of several rounds in turn.
"""

import json
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

WIDTH, HIDDEN, EXPERTS, CHOSEN = 384, 768, 8, 2
POINTS = (1, 8, 32, 64, 256, 512)
ROUNDS = 7
OPSET = 20

rng = np.random.default_rng(1)
WEIGHTS = {
    "router": rng.normal(size=(WIDTH, EXPERTS)),
    "gate": rng.normal(size=(EXPERTS, WIDTH, HIDDEN)) / WIDTH**0.5,
    "up": rng.normal(size=(EXPERTS, WIDTH, HIDDEN)) / WIDTH**0.5,
    "down": rng.normal(size=(EXPERTS, HIDDEN, WIDTH)) / HIDDEN**0.5,
}


class Graph:
    """Nodes and constants as they are added."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, name, value, kind=np.float32):
        self.constants[name] = numpy_helper.from_array(np.asarray(value, dtype=kind), name)
        return name

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def swiglu(self, x, gate, up, down):
        gated = self.add("MatMul", x, gate)
        silu = self.add("Mul", gated, self.add("Sigmoid", gated))
        return self.add("MatMul", self.add("Mul", silu, self.add("MatMul", x, up)), down)

    def top(self):
        probabilities = self.add(
            "Softmax", self.add("MatMul", "x", self.constant("router", WEIGHTS["router"])), axis=-1
        )
        k = self.constant("k", [CHOSEN], np.int64)
        return probabilities, *self.add("TopK", probabilities, k, outputs=2, axis=-1)

    def spread(self):
        """Weight of every expert for every point, 0 where not chosen: [points, experts]."""
        probabilities, weights, experts = self.top()
        zeros = self.add("Mul", probabilities, self.constant("nought", [0.0]))
        return self.add("ScatterElements", zeros, experts, weights, axis=1)

    def session(self, result):
        self.nodes.append(helper.make_node("Identity", [result], ["y"]))
        shape = ["points", WIDTH]
        tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
        graph = helper.make_graph(self.nodes, "moe", tensors[:1], tensors[1:], list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def stacked(graph):
    return [graph.constant(name, WEIGHTS[name]) for name in ("gate", "up", "down")]


def dense():
    graph = Graph()
    spread = graph.add("Transpose", graph.spread(), perm=[1, 0])
    last = graph.constant("last", [2], np.int64)
    said = graph.swiglu(graph.add("Unsqueeze", "x", graph.constant("first", [0], np.int64)), *stacked(graph))
    weighed = graph.add("Mul", said, graph.add("Unsqueeze", spread, last))
    return graph.session(graph.add("ReduceSum", weighed, "first", keepdims=0))


def gathered():
    graph = Graph()
    spread = graph.spread()
    sum_so_far = graph.add("Mul", "x", "nought")
    axis, by_point = graph.constant("axis", [0], np.int64), graph.constant("by_point", [1], np.int64)
    for expert in range(EXPERTS):
        own = [graph.constant(f"{name}{expert}", WEIGHTS[name][expert]) for name in ("gate", "up", "down")]
        weight = graph.add("Gather", spread, graph.constant(f"e{expert}", expert, np.int64), axis=1)
        places = graph.add("Squeeze", graph.add("NonZero", weight), axis)
        said = graph.swiglu(graph.add("Gather", "x", places), *own)
        weighed = graph.add("Mul", said, graph.add("Unsqueeze", graph.add("Gather", weight, places), by_point))
        at = graph.add("Unsqueeze", places, by_point)
        sum_so_far = graph.add("ScatterND", sum_so_far, at, weighed, reduction="add")
    return graph.session(sum_so_far)


def per_point():
    graph = Graph()
    _, weights, experts = graph.top()
    rows = graph.add("Unsqueeze", "x", graph.constant("rows", [1, 2], np.int64))
    chosen = [graph.add("Gather", name, experts, axis=0) for name in stacked(graph)]
    said = graph.swiglu(rows, *chosen)
    weighed = graph.add("Mul", said, graph.add("Unsqueeze", weights, graph.constant("ends", [2, 3], np.int64)))
    return graph.session(graph.add("ReduceSum", weighed, graph.constant("both", [1, 2], np.int64), keepdims=0))


def milliseconds(session, x):
    runs = max(1, 64 // len(x))
    started = time.process_time()
    for _ in range(runs):
        session.run(None, {"x": x})
    return 1000 * (time.process_time() - started) / runs


def main():
    ways = {"dense": dense(), "gathered": gathered(), "per point": per_point()}
    table = {}
    print("points " + " ".join(f"{name:>12}" for name in ways))
    for points in POINTS:
        x = rng.normal(size=(points, WIDTH)).astype(np.float32)
        here = {name: way for name, way in ways.items() if name != "per point" or points <= 8}
        answers = [way.run(None, {"x": x})[0] for way in here.values()]
        assert all(np.allclose(answer, answers[0], atol=1e-4) for answer in answers)
        times = {name: [] for name in here}
        for _ in range(ROUNDS):
            for name, way in here.items():
                times[name].append(milliseconds(way, x))
        table[points] = {name: round(float(np.median(values)), 3) for name, values in times.items()}
        print(f"{points:6} " + " ".join(f"{table[points].get(name, float('nan')):12.3f}" for name in ways), flush=True)
    print(json.dumps(table))


main()
