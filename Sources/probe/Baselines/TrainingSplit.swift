import Compute
import Files

/// Which training images choose a setting, and which ones are learned from meanwhile. Validation images choose nothing.
public struct TrainingSplit: Equatable, Sendable {
  /// The share of the images that is held out.
  public static let heldOutShare = 0.1

  /// Places in the training set, ascending.
  package let learned: [Int32]
  package let heldOut: [Int32]

  /// Draws from each class about the same share of its images, never all; where classes are too small to give one each,
  /// chance says which do. Views of an image stay together.
  ///
  /// - Parameters:
  ///   - labels: [N]
  ///   - images: [N], ascending from 0: the image that each row is a view of.
  ///   - seed: decides which images are held out.
  /// - Throws: where no class has two images.
  public init(labels: [Int32], images: [Int32], seed: UInt64) throws(InputError) {
    precondition(labels.count == images.count, "\(labels.count) labels are of \(images.count) views")
    var imageLabels: [Int32] = []
    for (image, label) in zip(images, labels) where Int(image) == imageLabels.count {
      imageLabels.append(label)
    }
    let chosen = StratifiedSample.heldOut(ofLabels: imageLabels, fraction: Self.heldOutShare, seed: seed)
    guard !chosen.isEmpty else {
      throw InputError(
        "training images", "no class has two, so that none can be held out to choose a setting by",
        remedy: "give a single value instead of a grid")
    }
    var isChosen = [Bool](repeating: false, count: imageLabels.count)
    for image in chosen { isChosen[image] = true }
    let places = labels.indices.map { Int32($0) }
    learned = places.filter { !isChosen[Int(images[Int($0)])] }
    heldOut = places.filter { isChosen[Int(images[Int($0)])] }
  }
}
