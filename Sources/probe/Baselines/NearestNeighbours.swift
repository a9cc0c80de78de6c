import Compute
import Evaluation
import Foundation

/// Weighted k-nearest-neighbour classification as DINO evaluates features (Caron et al. 2021; `eval_knn.py`): each of the k
/// training images with the greatest cosine similarity s votes for its class with weight exp(s / T).
///
/// One pass over the similarities serves all numbers of neighbours and all temperatures. Of equally similar images the
/// first ones are taken, and of classes with equal votes the lower one comes first. Similarities are multiplied in single
/// precision, votes summed in double. Memory: a block of images, and 24 bytes a neighbour of up to 4096 queries, in 256 MB.
public struct NearestNeighbours: Sendable {
  /// How often the votes of so many neighbours at a temperature are right.
  public struct Accuracy: Codable, Equatable, Sendable {
    /// k; all training images, where there are no more.
    public let neighbours: Int
    public let temperature: Double
    public let top1: Double
    /// The label is among the min(5, k) classes with the most votes, as DINO counts it.
    public let top5: Double
  }

  public static let defaultNeighbours = [10, 20, 100, 200]
  public static let defaultTemperatures = [0.07]

  /// Ascending, without repetition.
  public let neighbours: [Int]
  public let temperatures: [Double]
  private let training: LabelledFeatures

  /// - Parameters:
  ///   - neighbours: what is more than the training images counts as all of them.
  ///   - temperatures: positive.
  public init(_ training: LabelledFeatures, neighbours: [Int], temperatures: [Double]) {
    precondition(
      !neighbours.isEmpty && neighbours.allSatisfy { $0 > 0 }, "\(neighbours) are no numbers of neighbours")
    precondition(
      !temperatures.isEmpty && temperatures.allSatisfy { $0 > 0 && $0.isFinite },
      "\(temperatures) are no temperatures")
    self.training = training
    self.neighbours = Set(neighbours.map { min($0, training.count) }).sorted()
    self.temperatures = Set(temperatures).sorted()
  }

  /// Classifies images.
  ///
  /// - Parameters:
  ///   - onBlock: sees the places of some queries, in order, and their predictions for the greatest number of
  ///     neighbours at the highest temperature; the confidence is the share of the votes, the loss its logarithm.
  ///   - onProgress: told how much of the work is done, in queries. What it throws ends the search.
  /// - Returns: for each number of neighbours, for each temperature.
  public func measure(
    on queries: LabelledFeatures, _ parallel: Parallel,
    onBlock: (_ places: Range<Int>, _ predictions: [Prediction]) throws -> Void = { _, _ in },
    onProgress: (_ queries: Int) throws -> Void = { _ in }
  ) throws -> [Accuracy] {
    precondition(
      queries.width == training.width && queries.classCount == training.classCount,
      "queries have \(queries.width) features and \(queries.classCount) classes, others than the training images"
    )
    let settingCount = neighbours.count * temperatures.count
    var right = [(top1: Int, top5: Int)](repeating: (0, 0), count: settingCount)
    let search = NeighbourSearch(training, count: neighbours.last!)
    for start in stride(from: 0, to: queries.count, by: search.queriesPerPass) {
      let places = start..<min(queries.count, start + search.queriesPerPass)
      let found = try search.nearest(queries, places, parallel) {
        try onProgress(start + places.count * $0 / training.count)
      }
      let predictions = try vote(found, queries, places, parallel)
      for query in 0..<places.count {
        for setting in 0..<settingCount {
          let rank = predictions.pointer[query * settingCount + setting].labelRank
          if rank == 0 { right[setting].top1 += 1 }
          if rank < min(5, neighbours[setting / temperatures.count]) { right[setting].top5 += 1 }
        }
      }
      try onBlock(places, (0..<places.count).map { predictions.pointer[($0 + 1) * settingCount - 1] })
    }
    return right.enumerated().map { setting, counts in
      Accuracy(
        neighbours: neighbours[setting / temperatures.count],
        temperature: temperatures[setting % temperatures.count],
        top1: Double(counts.top1) / Double(queries.count), top5: Double(counts.top5) / Double(queries.count))
    }
  }

  /// - Returns: [queries, settings]
  private func vote(
    _ found: SharedBuffer<Neighbour>, _ queries: LabelledFeatures, _ places: Range<Int>, _ parallel: Parallel
  ) throws -> SharedBuffer<Prediction> {
    let length = neighbours.last!
    let settingCount = neighbours.count * temperatures.count
    let predictions = SharedBuffer<Prediction>(count: places.count * settingCount)
    let votes = PerWorker(parallel) { Votes(classCount: training.classCount) }
    try parallel.forEachChunk(of: places.count, length: 16) { _, rows, worker in
      let votes = try votes.value(worker)
      for row in rows {
        let own = UnsafeBufferPointer(start: found.pointer + row * length, count: length)
        let label = Int(queries.labels[places.lowerBound + row])
        for (place, temperature) in temperatures.enumerated() {
          votes.clear()
          var counted = 0
          for (index, limit) in neighbours.enumerated() {
            while counted < limit {
              let neighbour = own[counted]
              // Relative to the nearest one: the same shares, and nothing overflows.
              votes.add(
                neighbour.similarity - own[0].similarity, temperature: temperature,
                to: Int(training.labels[neighbour.row]))
              counted += 1
            }
            predictions.pointer[row * settingCount + index * temperatures.count + place] =
              votes.prediction(label: label)
          }
        }
      }
    }
    return predictions
  }
}

/// The votes of one query's neighbours. One object a worker: only classes that have votes are looked at and cleared.
private final class Votes {
  private var votes: [Double]
  private var isVotedFor: [Bool]
  private var voted: [Int] = []
  private var total = 0.0

  init(classCount: Int) {
    votes = [Double](repeating: 0, count: classCount)
    isVotedFor = [Bool](repeating: false, count: classCount)
  }

  func clear() {
    for index in voted {
      votes[index] = 0
      isVotedFor[index] = false
    }
    voted.removeAll(keepingCapacity: true)
    total = 0
  }

  func add(_ similarity: Float, temperature: Double, to index: Int) {
    if !isVotedFor[index] {
      isVotedFor[index] = true
      voted.append(index)
    }
    let weight = exp(Double(similarity) / temperature)
    votes[index] += weight
    total += weight
  }

  func prediction(label: Int) -> Prediction {
    var best = voted[0]
    var rank = 0
    for index in voted {
      if votes[index] > votes[best] || (votes[index] == votes[best] && index < best) { best = index }
      if votes[index] > votes[label] || (votes[index] == votes[label] && index < label) { rank += 1 }
    }
    // Classes without a vote are all alike.
    if votes[label] == 0 { rank += (0..<label).count { !isVotedFor[$0] } }
    return Prediction(
      best: best, labelRank: rank, confidence: Float(votes[best] / total),
      loss: Float(-log(votes[label] / total)))
  }
}
