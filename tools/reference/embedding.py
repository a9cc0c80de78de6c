"""Writes Tests/Fixtures/embedding: principal components and t-SNE by scikit-learn, from features in single precision.

Components come from the exact solver in double precision; PatchBank's iteration ends where they are right to 1e-8 of the
largest score (1e-9 of their eigenvalues, which lie apart by more than a tenth here).

scikit-learn takes squared distances of t-SNE in single precision, as PatchBank does; they may round apart, so that
probabilities agree to 1e-6 of the greatest. From there on its exact gradient is in double precision where it is given a
start in double precision, as here. Descent amplifies what differs, all the more the greater the learning rate: at a tenth
of the usual one 60 steps turn 1e-7 of the probabilities into 1e-6 of the points, the usual one 10 steps into 1e-5, and 30
into a different picture. So points agree to 1e-4 after 60 small steps and to 1e-3 after 10 of the usual ones. The gradient
by Barnes and Hut approximates forces to a hundredth, scikit-learn's in single precision: its points are 7e-3 from those of
the exact gradient after the small steps, PatchBank's within 2e-2 of them. Runs to the end are compared by their divergence,
of which PatchBank's may be greater by 2 in a hundred.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.spatial.distance import cdist, squareform
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, _t_sne
from sklearn.neighbors import NearestNeighbors

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "embedding"
COMPONENTS = 3
# The learning rate, steps with exaggeration, and steps without.
SMALL_STEPS = 5, 40, 20


def components(generator):
    """Points more than features and less, around a mean that is far off, and in fewer directions than are asked for."""
    scales = 0.7 ** np.arange(12)
    cases = {
        "tall": generator.normal(size=(70, 12)) * scales + 100,
        "wide": generator.normal(size=(9, 12)) @ np.diag(scales) @ generator.normal(size=(12, 150)),
        "flat": generator.integers(-3, 4, size=(20, 2)) @ generator.integers(-3, 4, size=(2, 6)),
    }
    arrays = {}
    for name, features in cases.items():
        features = features.astype(np.float32)
        pca = PCA(COMPONENTS, svd_solver="full")
        scores = pca.fit_transform(features.astype(np.float64))
        arrays |= {name: features, f"{name}.scores": scores, f"{name}.shares": pca.explained_variance_ratio_}
    return arrays


def clusters(generator, count, width, number):
    centres = 2.5 * generator.normal(size=(number, width))
    return (centres[np.arange(count) % number] + generator.normal(size=(count, width))).astype(np.float32)


def start(features):
    scores = PCA(2, svd_solver="full").fit_transform(features.astype(np.float64))
    return scores / np.std(scores[:, 0]) * 1e-4


def dense_probabilities(features, perplexity):
    squares = cdist(features.astype(np.float64), features.astype(np.float64), "sqeuclidean")
    return _t_sne._joint_probabilities(squares, perplexity, 0)


def sparse_probabilities(features, perplexity):
    search = NearestNeighbors(n_neighbors=int(3 * perplexity + 1)).fit(features.astype(np.float64))
    graph = search.kneighbors_graph(mode="distance")
    graph.data **= 2
    return _t_sne._joint_probabilities_nn(graph, perplexity, 0)


def descend(objective, probabilities, points, learning_rate, exaggerated, plain, **options):
    """Steps of both kinds as TSNE makes them, which cannot be asked for less than 250 of the first."""
    count = len(points)
    settings = {"n_iter_check": 1000, "learning_rate": learning_rate, "kwargs": options}
    points, done = points.ravel(), 0
    for steps, exaggeration, momentum in [(exaggerated, 12.0, 0.5), (plain, 1.0, 0.8)]:
        arguments = [probabilities * exaggeration, 1, count, 2]
        points, _, _ = _t_sne._gradient_descent(
            objective, points, done, done + steps, momentum=momentum, args=arguments, **settings
        )
        done += steps
    return points.reshape(count, 2).astype(np.float64)


def divergence(probabilities, points):
    """The whole Kullback-Leibler divergence; probabilities that are 0 add nothing."""
    affinities = 1 / (1 + cdist(points, points, "sqeuclidean"))
    np.fill_diagonal(affinities, 0)
    affinities /= affinities.sum()
    pairs = probabilities.tocoo()
    return (pairs.data * np.log(pairs.data / affinities[pairs.row, pairs.col])).sum()


def embeddings(generator):
    # So many points that all others are neighbours at this perplexity: nothing is left out of the probabilities.
    few, few_perplexity = clusters(generator, 61, 10, 5), 20.0
    dense = dense_probabilities(few, few_perplexity)
    many, perplexity = clusters(generator, 400, 8, 6), 30.0
    sparse = sparse_probabilities(many, perplexity)
    some = many[:80]
    whole = TSNE(random_state=0).fit_transform(many)
    return {
        "few": few,
        "few.probabilities": squareform(dense),
        "few.started": descend(_t_sne._kl_divergence, dense, start(few), max(len(few) / 48, 50), 10, 0),
        "few.points": descend(_t_sne._kl_divergence, dense, start(few), *SMALL_STEPS),
        "some.probabilities": sparse_probabilities(some, 8.0).toarray().astype(np.float64),
        "many": many,
        "many.points": descend(_t_sne._kl_divergence_bh, sparse, start(many).astype(np.float32), *SMALL_STEPS),
        "many.divergence": np.array([divergence(sparse, whole.astype(np.float64))]),
    }


if __name__ == "__main__":
    generator = np.random.default_rng(3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    arrays = components(generator) | embeddings(generator)
    save_file(
        {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()},
        FOLDER / "embedding.safetensors",
    )
