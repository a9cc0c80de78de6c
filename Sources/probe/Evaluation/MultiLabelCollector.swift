import CKernels
import Compute
import Files

/// Gathers ``Metrics`` of images with any number of labels each, batch by batch.
///
/// - `loss`: the mean over images and classes of the binary cross entropy of a sigmoid (PyTorch's `BCEWithLogitsLoss`).
/// - `meanAveragePrecision`: the mean over the classes that occur of the average precision, which is the sum over the
///   distinct scores s, from the highest down, of (recall(s) - recall(before s)) * precision(s), where whatever scores s or
///   more counts as found (scikit-learn's `average_precision_score`). Scores that are no numbers come last.
/// - `top1`, `top5`: the share of images any of whose labels is among the one or five highest scores.
/// - `meanClassAccuracy`: the mean over the classes that occur of the share of a class's images that score above 0.
///
/// An average precision needs all scores at once: `4 * imageCount * classCount` bytes, which lie in a file without a name,
/// so that memory does not grow with the images by more than a few bytes each.
public final class MultiLabelCollector {
  public let classCount: Int
  public let imageCount: Int
  private let scores: ScoreFile
  private var addedCount = 0
  private var lossSum = 0.0
  private var top1Count = 0
  private var top5Count = 0
  /// Per class, its images in the order in which they came.
  private var positives: [[Int32]]

  /// - Parameters:
  ///   - imageCount: all that will be added.
  ///   - folder: on a disk with room for the scores.
  /// - Throws: where it has not.
  public init(classCount: Int, imageCount: Int, folder: String) throws(InputError) {
    precondition(classCount > 0, "metrics need at least one class, not \(classCount)")
    self.classCount = classCount
    self.imageCount = imageCount
    scores = try ScoreFile(classCount: classCount, imageCount: imageCount, folder: folder)
    positives = [[Int32]](repeating: [], count: classCount)
  }

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: of all images; those of this batch are from the number of images added so far on.
  public func add(logits: UnsafeBufferPointer<Float>, labels: LabelSets, _ parallel: Parallel) throws {
    let batchSize = logits.count / classCount
    precondition(
      logits.count == batchSize * classCount && addedCount + batchSize <= min(imageCount, labels.count),
      "\(logits.count) logits after \(addedCount) images do not fit \(imageCount) images of \(classCount) classes"
    )
    let view = SharedView(logits)
    guard batchSize > 0 else { return }
    let (first, classCount, scores) = (addedCount, classCount, scores)
    let losses = SharedBuffer<Double>(count: batchSize)
    let ranks = SharedBuffer<Int>(count: batchSize)
    try parallel.forEachChunk(of: batchSize, length: 32) { _, rows, _ in
      for row in rows {
        let values = UnsafeBufferPointer(
          rebasing: view.buffer[row * classCount..<(row + 1) * classCount])
        let own = labels[first + row]
        losses.pointer[row] = own.reduce(Double(pb_softplus_sum(values.baseAddress!, classCount))) {
          $0 - Double(values[Int($1)])
        }
        ranks.pointer[row] = own.map { Ranking.rank(of: Int($0), in: values) }.min() ?? classCount
      }
    }
    try parallel.forEachChunk(of: classCount, length: 16) { _, classes, _ in
      for index in classes {
        let column = scores[index] + first
        for row in 0..<batchSize { column[row] = view.buffer[row * classCount + index] }
      }
    }
    for row in 0..<batchSize {
      lossSum += losses.pointer[row]
      if ranks.pointer[row] < 1 { top1Count += 1 }
      // Fewer than five classes are all among the five highest; an image without labels is never right.
      if ranks.pointer[row] < min(5, classCount) { top5Count += 1 }
      for label in labels[first + row] { positives[Int(label)].append(Int32(first + row)) }
    }
    addedCount += batchSize
  }

  /// The metrics of everything added so far, zeros where nothing was, and [C] those of the classes.
  public func measure(_ parallel: Parallel) throws -> (metrics: Metrics, classes: [ClassScore]) {
    let (positives, columns, addedCount) = (positives, self.scores, addedCount)
    let classes = positives.indices.filter { !positives[$0].isEmpty }
    let keys = PerWorker(parallel) { SharedBuffer<UInt64>(count: addedCount) }
    let precisions = SharedBuffer<Double>(count: classes.count)
    let recalls = SharedBuffer<Double>(count: classes.count)
    try parallel.forEach(classes.count) { place, worker in
      let column = UnsafeBufferPointer(start: columns[classes[place]], count: addedCount)
      let own = positives[classes[place]]
      precisions.pointer[place] = AveragePrecision.of(
        column, positives: own, keys: try keys.value(worker).buffer)
      recalls.pointer[place] = Double(own.count { column[Int($0)] > 0 }) / Double(own.count)
    }
    let count = Double(max(1, addedCount))
    let classTotal = Double(max(1, classes.count))
    let metrics = Metrics(
      imageCount: addedCount, loss: lossSum / (count * Double(classCount)), top1: Double(top1Count) / count,
      top5: Double(top5Count) / count, meanClassAccuracy: recalls.buffer.reduce(0, +) / classTotal,
      meanAveragePrecision: precisions.buffer.reduce(0, +) / classTotal)
    var scores = [ClassScore](repeating: ClassScore(imageCount: 0, score: nil), count: classCount)
    for (place, index) in classes.enumerated() {
      scores[index] = ClassScore(imageCount: positives[index].count, score: precisions.pointer[place])
    }
    return (metrics, scores)
  }
}

/// The scores of all images, [C, N], so that a class's lie together.
private struct ScoreFile: Sendable {
  private let file: ScratchFile
  private let imageCount: Int

  init(classCount: Int, imageCount: Int, folder: String) throws(InputError) {
    let (byteCount, isTooMany) = imageCount.multipliedReportingOverflow(
      by: classCount * MemoryLayout<Float>.stride)
    guard !isTooMany else {
      throw InputError(folder, "scores of \(imageCount) images, \(classCount) classes each, fit no disk")
    }
    file = try ScratchFile(byteCount: byteCount, in: folder)
    self.imageCount = imageCount
  }

  /// - Returns: a class's scores, [N], of at least one image.
  subscript(index: Int) -> UnsafeMutablePointer<Float> {
    file.bytes.baseAddress!.assumingMemoryBound(to: Float.self) + index * imageCount
  }
}

/// The average precision of one class; ``MultiLabelCollector`` has its definition.
enum AveragePrecision {
  /// - Parameters:
  ///   - scores: [N]
  ///   - positives: the images of the class, at least one.
  ///   - keys: [N], overwritten.
  static func of(
    _ scores: UnsafeBufferPointer<Float>, positives: [Int32], keys: UnsafeMutableBufferPointer<UInt64>
  ) -> Double {
    var keys = keys
    for (index, score) in scores.enumerated() { keys[index] = key(score) }
    for index in positives { keys[Int(index)] |= 1 }
    keys.sort(by: >)
    var (found, right) = (0, 0)
    var sum = 0.0
    while found < keys.count {
      let score = keys[found] >> 1
      let before = right
      repeat {
        right += Int(keys[found] & 1)
        found += 1
      } while found < keys.count && keys[found] >> 1 == score
      sum += Double(right - before) * Double(right) / Double(found)
    }
    return sum / Double(positives.count)
  }

  /// A whole number that grows with the score, its lowest bit left free; 0 for what is no number.
  private static func key(_ score: Float) -> UInt64 {
    if score.isNaN { return 0 }
    // Zero has one sign here.
    let bits = (score == 0 ? 0 : score).bitPattern
    return UInt64(bits ^ (bits >> 31 == 1 ? .max : 0x8000_0000)) << 1
  }
}
