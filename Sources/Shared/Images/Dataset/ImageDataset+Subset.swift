import Compute
import Files

extension ImageDataset {
  /// The images of some classes only, which are numbered anew: from 0, in the order of the selection.
  ///
  /// - Throws: ``InputError`` where a wanted class does not exist or nothing is left.
  public func including(_ selection: ClassSelection) throws(InputError) -> ImageDataset {
    guard !classNames.isEmpty else { throw InputError(path, "has no labels, so no classes can be chosen") }
    let chosen = try selection.indices(in: classNames)
    let labels = Dictionary(uniqueKeysWithValues: zip(chosen.lazy.map { Int32($0) }, Int32(0)...))
    let kept = entries.compactMap { entry in
      labels[entry.label].map { Entry(id: entry.id, label: $0, place: entry.place) }
    }
    guard !kept.isEmpty else { throw InputError(path, "has no images of the chosen classes") }
    return with(classNames: chosen.map { classNames[$0] }, entries: kept)
  }

  /// A random sample of so many images, or all where there are fewer, in the data set's order.
  ///
  /// Classes are represented in proportion to their sizes, and each by one image before any has a second. A smaller
  /// sample with the same seed is part of a larger one.
  ///
  /// - Precondition: the count is positive.
  public func sample(count: Int, seed: UInt64) -> ImageDataset {
    precondition(count > 0, "a sample needs a positive number of images, not \(count)")
    let rows = StratifiedSample.places(ofLabels: entries.map(\.label), count: count, seed: seed)
    return with(classNames: classNames, entries: rows.map { entries[$0] })
  }

  /// As ``sample(count:seed:)``, for a fraction in 0 ... 1 of all images, rounded, at least one.
  public func sample(fraction: Double, seed: UInt64) -> ImageDataset {
    precondition((0...1).contains(fraction), "\(fraction) is not a fraction of 0 to 1")
    return sample(count: max(1, Int((fraction * Double(entries.count)).rounded())), seed: seed)
  }
}
