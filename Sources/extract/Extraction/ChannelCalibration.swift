import Compute
import Files
import Images
import Synchronization
import TokenStore
import VisionTransformer

/// The first stage of an extraction that stores tokens in 8 bits: the scales of their channels.
extension ExtractionPlan {
  /// The images that the scales are measured on: as many as these, evenly spaced over the data set.
  private static let sampleCount = 64

  /// This plan with the scales that its tokens need, or as it is where they need none.
  ///
  /// They are those of the folder's manifest, where there is one. Otherwise a sample of the images is encoded, each by
  /// one thread, and their sums are added in order: the scales do not depend on the number of threads.
  ///
  /// - Parameters:
  ///   - folder: the cache to be.
  ///   - onStart: told how many images are going to be encoded, if any are.
  ///   - onImage: called before each of them, from any thread; may throw to stop.
  /// - Throws: where the folder holds a cache made for other settings, or no image of the sample can be decoded.
  public func calibrated(
    for folder: String, parallel: Parallel, onStart: (_ imageCount: Int) -> Void = { _ in },
    onImage: @Sendable () throws -> Void = {}
  ) throws -> ExtractionPlan {
    guard configuration.precision.tokens == .int8, configuration.precision.channelScales == nil else {
      return self
    }
    func knownScales() throws(InputError) -> [[Float]]? {
      try CacheManifest.channelScales(in: folder, for: configuration)
    }
    var scales = try knownScales()
    if scales == nil {
      let count = min(Self.sampleCount, dataset.entries.count)
      onStart(count)
      let sample = (0..<count).map { dataset.entries[$0 * dataset.entries.count / count] }
      let measured = try measureScales(sample, parallel, onImage)
      // Of several processes that start at once, on processors that may round differently, the first one's count.
      var settled = configuration
      settled.precision.channelScales = measured
      try CacheManifest.begin(settled, rowCount: rows.count, shardSize: options.shardSize, in: folder)
      scales = try knownScales()
    }
    var plan = self
    plan.configuration.precision.channelScales = scales
    return plan
  }

  /// - Returns: [blocks, D]
  private func measureScales(
    _ sample: [ImageDataset.Entry], _ parallel: Parallel, _ onImage: @Sendable () throws -> Void
  ) throws -> [[Float]] {
    let (blocks, width) = (configuration.blocks, configuration.model.width)
    let tokenCount = configuration.model.tokenCount
    // [sample, blocks, D]
    let sums = SharedBuffer<Double>(count: sample.count * blocks.count * width)
    let isDecoded = SharedBuffer<Bool>(count: sample.count)
    let failure = Mutex<InputError?>(nil)
    let workers = PerWorker(parallel) { ImageEncoder(self) }
    try parallel.forEach(sample.count) { index, worker in
      try onImage()
      let content = try dataset.content(of: sample[index])
      let image: RGBImage
      do throws(InputError) {
        image = try content.decoded()
      } catch {
        guard !options.isStrict else { throw error }
        failure.withLock { $0 = error }
        return
      }
      isDecoded[index] = true
      let output = try workers.value(worker).encode(image, view: .center)
      for (block, tokens) in output.tokens.enumerated() {
        let sum = sums.pointer + (index * blocks.count + block) * width
        try addSquares(
          tokens.pointer, tokenCount: tokenCount, width: width, to: sum, subject: sample[index].id)
      }
    }
    let decodedCount = isDecoded.array.count { $0 }
    guard decodedCount > 0 else {
      throw InputError(
        dataset.path,
        "none of the \(sample.count) images that the scales of int8 tokens are measured on can be decoded; "
          + "one of them: \(failure.withLock { $0! })")
    }
    return blocks.indices.map { block in
      var total = [Double](repeating: 0, count: width)
      for index in 0..<sample.count {
        let sum = sums.pointer + (index * blocks.count + block) * width
        for channel in 0..<width { total[channel] += sum[channel] }
      }
      return ChannelScales.of(squareSums: total, tokenCount: decodedCount * tokenCount)
    }
  }

  private func addSquares(
    _ tokens: UnsafePointer<Float>, tokenCount: Int, width: Int, to sum: UnsafeMutablePointer<Double>,
    subject: String
  ) throws(InputError) {
    for token in 0..<tokenCount {
      let values = tokens + token * width
      for channel in 0..<width { sum[channel] += Double(values[channel]) * Double(values[channel]) }
    }
    guard (0..<width).allSatisfy({ sum[$0].isFinite }) else {
      throw InputError(
        subject, "the encoder computed values that are not finite",
        remedy: "check the checkpoint's weights and the model's settings")
    }
  }
}
