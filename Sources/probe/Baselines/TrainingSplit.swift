import Compute
import Files

/// Which training images choose a setting, and which ones are learned from meanwhile. Validation images choose nothing.
public struct TrainingSplit: Equatable, Sendable {
  /// The share of each class's images that is held out.
  public static let heldOutShare = 0.1

  /// Places in the training set, ascending.
  package let learned: [Int32]
  package let heldOut: [Int32]

  /// Draws from each class the same share of its images, at least one where it has two, never all. Views of an image
  /// stay together.
  ///
  /// - Parameters:
  ///   - labels: [N]
  ///   - images: [N], the image that each row is a view of.
  ///   - seed: decides which images are held out.
  /// - Throws: where no class has two images.
  public init(labels: [Int32], images: [Int32], seed: UInt64) throws(InputError) {
    precondition(labels.count == images.count, "\(labels.count) labels are of \(images.count) views")
    var labelOfImage: [Int32: Int32] = [:]
    for (image, label) in zip(images, labels) { labelOfImage[image] = label }
    var ofClass: [Int32: [Int32]] = [:]
    for (image, label) in labelOfImage.sorted(by: { $0.key < $1.key }) {
      ofClass[label, default: []].append(image)
    }

    var chosen: Set<Int32> = []
    for (label, images) in ofClass {
      var generator = SeededGenerator(seed: seed, stream: UInt64(label))
      let wanted = max(1, Int((Self.heldOutShare * Double(images.count)).rounded()))
      let order = generator.permutation(images.count)
      for place in order.prefix(min(wanted, images.count - 1)) { chosen.insert(images[place]) }
    }
    guard !chosen.isEmpty else {
      throw InputError(
        "training images", "no class has two, so that none can be held out to choose a setting by",
        remedy: "give a single value instead of a grid")
    }
    let places = labels.indices.map { Int32($0) }
    learned = places.filter { !chosen.contains(images[Int($0)]) }
    heldOut = places.filter { chosen.contains(images[Int($0)]) }
  }
}
