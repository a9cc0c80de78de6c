/// How many images of each class were taken for which. It takes memory for pairs that occur, of which there are no more than
/// images, whatever the number of classes.
public struct ConfusionMatrix: Equatable, Sendable {
  /// C
  public let classCount: Int
  /// By label * C + prediction; those that occur.
  private var counts: [Int: Int] = [:]

  public init(classCount: Int) { self.classCount = classCount }

  mutating func add(label: Int, prediction: Int) { counts[label * classCount + prediction, default: 0] += 1 }

  public subscript(label: Int, prediction: Int) -> Int { counts[label * classCount + prediction] ?? 0 }

  /// The pairs that occur, in the order of labels, and of each in that of predictions.
  public var pairs: [(label: Int, prediction: Int, count: Int)] {
    counts.sorted { $0.key < $1.key }
      .map { (label: $0.key / classCount, prediction: $0.key % classCount, count: $0.value) }
  }
}
