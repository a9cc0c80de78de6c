import Compute

/// Points of the plane in boxes within boxes (Barnes and Hut, 1986). A box that has more points than a leaf may is cut at the
/// middle of their extent in both directions, so that every box is as tight as its points allow.
///
/// Nodes stand in the order of a walk, each with the place of the node behind its last descendant. Points are copied in the
/// order of the leaves; where they all but coincide a leaf may have any number.
struct QuadTree: Sendable {
  /// A box and what is in it.
  struct Node: BitwiseCopyable {
    /// The points' mean.
    var centerX: Double
    var centerY: Double
    /// How many points.
    var mass: Double
    /// The box's longer side.
    var squaredExtent: Double
    /// The node to go on with where this one's insides are not looked at.
    var next: Int32
    /// In the order of the leaves.
    var firstPoint: Int32
    /// 0 for a node with others inside.
    var leafCount: Int32
  }

  struct Leaf: BitwiseCopyable {
    var firstPoint: Int32
    var count: Int32
    var minimumX: Double
    var maximumX: Double
    var minimumY: Double
    var maximumY: Double
  }

  private static let pointsPerLeaf = 64
  private static let depthLimit = 64

  /// N
  let count: Int
  /// [N]: which point is where in the order of the leaves.
  let order: SharedBuffer<Int32>
  /// [N], in that order.
  let x: SharedBuffer<Double>
  let y: SharedBuffer<Double>
  let nodes: SharedBuffer<Node>
  let leaves: SharedBuffer<Leaf>
  private(set) var nodeCount = 0
  private(set) var leafCount = 0

  init(count: Int) {
    self.count = count
    order = SharedBuffer((0..<count).map { Int32($0) })
    x = SharedBuffer(count: count)
    y = SharedBuffer(count: count)
    // Every node that is no leaf has two or more inside.
    nodes = SharedBuffer(count: 2 * count)
    leaves = SharedBuffer(count: count)
  }

  /// Makes the tree of points, [N, 2]. The order of the last one is where it starts, as points move little.
  mutating func build(_ points: SharedBuffer<Double>) {
    for place in 0..<count {
      let point = Int(order.pointer[place])
      x.pointer[place] = points.pointer[2 * point]
      y.pointer[place] = points.pointer[2 * point + 1]
    }
    (nodeCount, leafCount) = (0, 0)
    build(0..<count, depth: 0)
  }

  private mutating func build(_ range: Range<Int>, depth: Int) {
    let node = nodeCount
    nodeCount += 1
    var box = Leaf(
      firstPoint: Int32(range.lowerBound), count: Int32(range.count), minimumX: .infinity,
      maximumX: -.infinity, minimumY: .infinity, maximumY: -.infinity)
    var (sumX, sumY) = (0.0, 0.0)
    for place in range {
      let (x, y) = (x.pointer[place], y.pointer[place])
      sumX += x
      sumY += y
      if x < box.minimumX { box.minimumX = x }
      if x > box.maximumX { box.maximumX = x }
      if y < box.minimumY { box.minimumY = y }
      if y > box.maximumY { box.maximumY = y }
    }
    let extent = max(box.maximumX - box.minimumX, box.maximumY - box.minimumY)
    let isLeaf = range.count <= Self.pointsPerLeaf || extent == 0 || depth == Self.depthLimit
    if isLeaf {
      leaves.pointer[leafCount] = box
      leafCount += 1
    } else {
      let middleX = box.minimumX / 2 + box.maximumX / 2
      let middleY = box.minimumY / 2 + box.maximumY / 2
      let upper = partition(range, by: y, middleY)
      for half in [range.lowerBound..<upper, upper..<range.upperBound] {
        let right = partition(half, by: x, middleX)
        for quarter in [half.lowerBound..<right, right..<half.upperBound] where !quarter.isEmpty {
          build(quarter, depth: depth + 1)
        }
      }
    }
    let mass = Double(range.count)
    nodes.pointer[node] = Node(
      centerX: sumX / mass, centerY: sumY / mass, mass: mass, squaredExtent: extent * extent,
      next: Int32(nodeCount), firstPoint: Int32(range.lowerBound), leafCount: isLeaf ? Int32(range.count) : 0)
  }

  /// Moves the points beyond the middle behind the others.
  ///
  /// - Returns: where they start.
  private func partition(_ range: Range<Int>, by coordinates: SharedBuffer<Double>, _ middle: Double) -> Int {
    let coordinates = coordinates.pointer
    var (low, high) = (range.lowerBound, range.upperBound)
    while true {
      while low < high, coordinates[low] <= middle { low += 1 }
      while low < high, coordinates[high - 1] > middle { high -= 1 }
      guard low < high else { return low }
      high -= 1
      swap(&order.pointer[low], &order.pointer[high])
      swap(&x.pointer[low], &x.pointer[high])
      swap(&y.pointer[low], &y.pointer[high])
      low += 1
    }
  }
}
