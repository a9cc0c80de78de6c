import CKernels
import Compute

/// How the points of an embedding push one another away, by Barnes and Hut's approximation (van der Maaten 2014, section 4.2):
/// a box counts as one heavy point where its longer side, over its centre's distance, is below theta.
///
/// The points of a leaf look at the tree together, from whatever place in their leaf is nearest to a box, so that no point sees
/// a box that it would open by itself; and their sums over what they see run side by side. With theta 0 nothing is approximated.
package struct Repulsion: Sendable {
  private static let sourcesPerBlock = 512
  private static let leavesPerChunk = 2

  private let squaredTheta: Double
  private var tree: QuadTree
  private let forceX: SharedBuffer<Double>
  private let forceY: SharedBuffer<Double>
  private let affinities: SharedBuffer<Double>
  /// [N, 2]: the sums over other points j of q_ij^2 (y_i - y_j), q = 1 / (1 + d^2).
  package let forces: SharedBuffer<Double>

  package init(count: Int, theta: Double) {
    squaredTheta = theta * theta
    tree = QuadTree(count: count)
    forceX = SharedBuffer(count: count)
    forceY = SharedBuffer(count: count)
    affinities = SharedBuffer(count: count)
    forces = SharedBuffer(count: 2 * count)
  }

  /// Writes the forces among points, [N, 2].
  ///
  /// - Returns: the sum of q_ij over all pairs of different points.
  package mutating func measure(_ points: SharedBuffer<Double>, _ parallel: Parallel) throws -> Double {
    tree.build(points)
    for buffer in [forceX, forceY, affinities] { buffer.fill(0) }
    let repulsion = self
    let sources = PerWorker(parallel) { Sources(capacity: Self.sourcesPerBlock) }
    try parallel.forEachChunk(of: tree.leafCount, length: Self.leavesPerChunk) { _, leaves, worker in
      let sources = try sources.value(worker)
      for index in leaves { repulsion.push(repulsion.tree.leaves.pointer[index], sources) }
    }
    // A point is among those that it sees, at distance 0.
    return affinities.buffer.reduce(0) { $0 + ($1 - 1) }
  }

  private func push(_ leaf: QuadTree.Leaf, _ sources: Sources) {
    let nodes = tree.nodes.pointer
    var node = 0
    while node < tree.nodeCount {
      let box = nodes[node]
      let dx = max(0, leaf.minimumX - box.centerX, box.centerX - leaf.maximumX)
      let dy = max(0, leaf.minimumY - box.centerY, box.centerY - leaf.maximumY)
      if box.squaredExtent < squaredTheta * (dx * dx + dy * dy) {
        add(box.centerX, box.centerY, box.mass, to: sources, for: leaf)
        node = Int(box.next)
      } else {
        for point in Int(box.firstPoint)..<Int(box.firstPoint + box.leafCount) {
          add(tree.x.pointer[point], tree.y.pointer[point], 1, to: sources, for: leaf)
        }
        node += 1
      }
    }
    sum(sources, for: leaf)
    for place in Int(leaf.firstPoint)..<Int(leaf.firstPoint + leaf.count) {
      let point = Int(tree.order.pointer[place])
      forces.pointer[2 * point] = forceX.pointer[place]
      forces.pointer[2 * point + 1] = forceY.pointer[place]
    }
  }

  private func add(_ x: Double, _ y: Double, _ mass: Double, to sources: Sources, for leaf: QuadTree.Leaf) {
    if sources.count == Self.sourcesPerBlock { sum(sources, for: leaf) }
    sources.x.pointer[sources.count] = x
    sources.y.pointer[sources.count] = y
    sources.mass.pointer[sources.count] = mass
    sources.count += 1
  }

  private func sum(_ sources: Sources, for leaf: QuadTree.Leaf) {
    let first = Int(leaf.firstPoint)
    pb_repulsion(
      tree.x.pointer + first, tree.y.pointer + first, Int(leaf.count), sources.x.pointer, sources.y.pointer,
      sources.mass.pointer, sources.count, forceX.pointer + first, forceY.pointer + first,
      affinities.pointer + first)
    sources.count = 0
  }

  /// What a leaf sees, until it is summed.
  private final class Sources {
    var count = 0
    let x: SharedBuffer<Double>
    let y: SharedBuffer<Double>
    let mass: SharedBuffer<Double>

    init(capacity: Int) {
      x = SharedBuffer(count: capacity)
      y = SharedBuffer(count: capacity)
      mass = SharedBuffer(count: capacity)
    }
  }
}
