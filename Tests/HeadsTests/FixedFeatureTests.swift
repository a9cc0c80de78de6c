import Compute
import Files
import Foundation
import Tensors
import TestSupport
import Testing

import Heads

/// Tokens in any stored type, with attention.
final class StoredSource: TokenSource {
  let layout: TokenLayout
  let samples: [StoredSample]
  /// Per row [H, P] and [4, P] in float16.
  let classRows: [SharedBuffer<UInt8>]?
  let centerRows: [SharedBuffer<UInt8>]?

  init(
    _ layout: TokenLayout, _ samples: [StoredSample], classRows: [SharedBuffer<UInt8>]? = nil,
    centerRows: [SharedBuffer<UInt8>]? = nil
  ) {
    (self.layout, self.samples, self.classRows, self.centerRows) = (layout, samples, classRows, centerRows)
  }

  var tokenCount: Int { layout.tokenCount }
  var width: Int { layout.width }
  func tokens(row: Int) -> StoredTokens { samples[row].tokens }
  func classAttention(row: Int) -> UnsafeRawBufferPointer? {
    (classRows?[row]).map { UnsafeRawBufferPointer($0.buffer) }
  }
  func centerAttention(row: Int) -> UnsafeRawBufferPointer? {
    (centerRows?[row]).map { UnsafeRawBufferPointer($0.buffer) }
  }
}

/// A case of tools/reference/features.py.
private struct FeatureCase {
  static let names = ["square", "wide", "tall_registers", "two", "one"]

  let tensors: [String: Tensor]
  let layout: TokenLayout
  let imageCount: Int
  let norm: TokenNorm

  init(_ name: String) throws {
    let file = try Safetensors.read(Fixtures.path("features/\(name).safetensors"))
    tensors = file.tensors
    func size(_ key: String) -> Int { Int(file.metadata[key]!)! }
    let shape = tensors["tokens"]!.shape
    imageCount = shape[0]
    layout = TokenLayout(
      prefixTokenCount: size("prefix_tokens"), hasClassToken: true, gridHeight: size("grid_height"),
      gridWidth: size("grid_width"), width: shape[2])
    norm = TokenNorm(
      weight: tensors["norm_weight"]!.floats(), bias: tensors["norm_bias"]!.floats(), epsilon: 1e-6)
  }

  /// The tokens, which every type holds exactly.
  func samples(_ type: ElementType) -> [StoredSample] {
    let values = tensors["tokens"]!.floats()
    let count = layout.tokenCount * layout.width
    return (0..<imageCount).map {
      StoredSample(
        Array(values[$0 * count..<($0 + 1) * count]), as: type, tokenCount: layout.tokenCount,
        width: layout.width,
        channelScales: [Float](repeating: 1, count: layout.width))
    }
  }

  func attention(_ name: String) -> [SharedBuffer<UInt8>] {
    tensors[name]!.withBytes { bytes in
      let count = bytes.count / imageCount
      return (0..<imageCount).map { SharedBuffer(bytes[$0 * count..<($0 + 1) * count]) }
    }
  }

  func source(_ type: ElementType) -> StoredSource {
    StoredSource(
      layout, samples(type), classRows: attention("attention"), centerRows: attention("center_attention"))
  }

  var otherSource: StoredSource {
    StoredSource(layout, samples(.float32), classRows: attention("other_attention"))
  }
}

@Suite struct FixedFeatureTests {
  private let folder = FileManager.default.temporaryDirectory.path
  private let parallel = Parallel(threadCount: 2)

  @Test(arguments: FeatureCase.names, StoredSample.types)
  func featuresAreTheReferences(name: String, type: ElementType) throws {
    let reference = try FeatureCase(name)
    let source = reference.source(type)
    let sample = source.samples[0]
    #expect(sample.values.array == Array(reference.tensors["tokens"]!.floats().prefix(sample.values.count)))
    for choice in TokenNorm.Choice.allCases {
      let matrices = try FixedFeatures.compute(
        FixedFeature.all, source, rows: Array(0..<reference.imageCount),
        attentionFrom: reference.otherSource,
        norm: choice == .final ? reference.norm : nil, parallel, folder: folder)
      for (features, matrix) in zip(FixedFeature.all, try #require(matrices)) {
        let expected = reference.tensors["\(choice.rawValue).\(features.rawValue)"]!
        try #require(expected.shape == [matrix.rowCount, matrix.width], "\(features.rawValue)")
        // Sums of up to 24 products in single precision; the token norm rounds as well. Values are below 8.
        let tolerance = choice == .final ? 4e-6 : 2e-6
        let closeness = Closeness(values(matrix), expected.floats())
        #expect(closeness.maximumDifference < tolerance, "\(choice) \(features.rawValue): \(closeness)")
      }
    }
  }

  private func values(_ matrix: FeatureMatrix) -> [Float] {
    (0..<matrix.rowCount).flatMap { row in
      let tokens = matrix.tokens(row: row)
      let decoded = SharedBuffer<Float>(count: matrix.width)
      tokens.decode(into: decoded.pointer)
      return decoded.array
    }
  }

  /// Whatever the threads, and however many features are computed beside.
  @Test(arguments: [1, 3], TokenNorm.Choice.allCases)
  func eachFeatureIsTheSameAlone(threads: Int, choice: TokenNorm.Choice) throws {
    let reference = try FeatureCase("tall_registers")
    let source = reference.source(.float16)
    let norm = choice == .final ? reference.norm : nil
    let rows = [1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1]
    let together = try #require(
      try FixedFeatures.compute(
        FixedFeature.all, source, rows: rows, attentionFrom: reference.otherSource, norm: norm, parallel,
        folder: folder))
    for (features, matrix) in zip(FixedFeature.all, together) {
      let alone = try #require(
        try FixedFeatures.compute(
          [features], source, rows: rows, attentionFrom: reference.otherSource, norm: norm,
          Parallel(threadCount: threads), folder: folder))
      #expect(values(alone[0]) == values(matrix), "\(features.rawValue)")
    }
  }

  @Test func onlyWhatIsSmallerThanTheTokensIsComputedOnce() {
    for features in HeadDescription.Features.allCases {
      #expect(
        FixedFeature.isComputedOnce(features) == (features != .raw && FixedFeature.all.contains(features)))
    }
  }

  /// In float16 the attention of [cls] to the patches can round to nothing.
  @Test func noAttentionAtAllIsEven() throws {
    let reference = try FeatureCase("wide")
    let plain = reference.source(.float32)
    let nothing = plain.classRows!.map { SharedBuffer<UInt8>(count: $0.count) }
    let features: [HeadDescription.Features] = [.pos, .lowestEntropyAttention, .meanAttention]
    let matrices = try #require(
      try FixedFeatures.compute(
        features, StoredSource(plain.layout, plain.samples, classRows: nothing), rows: [0, 1], parallel,
        folder: folder))
    #expect(values(matrices[1]) == values(matrices[0]))
    #expect(values(matrices[2]) == values(matrices[0]))
  }

  /// Where no pair of patches is alike, or all are, nothing is cut away.
  @Test(arguments: [[1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 2, 3, 1, 2, 3, 2, 4, 6], [0, 0, 0, 0, 0, 0, 0, 0, 0]])
  func aGraphWithoutCutIsForeground(values: [Float]) throws {
    let layout = TokenLayout(prefixTokenCount: 0, hasClassToken: false, gridHeight: 3, gridWidth: 1, width: 3)
    let source = StoredSource(layout, [StoredSample(values, as: .float32, tokenCount: 3, width: 3)])
    let matrices = try #require(
      try FixedFeatures.compute([.pos, .tokenCut], source, rows: [0], parallel, folder: folder))
    #expect(self.values(matrices[0]) == self.values(matrices[1]))
  }

  /// Two halves that are alike to the last bit: the first patch's half, on any machine.
  @Test func ofEqualSidesTheFirstIsTaken() throws {
    let layout = TokenLayout(prefixTokenCount: 0, hasClassToken: false, gridHeight: 2, gridWidth: 2, width: 2)
    let sample = StoredSample([0, 3, 5, 0, 0, 1, 2, 0], as: .float32, tokenCount: 4, width: 2)
    let matrices = try #require(
      try FixedFeatures.compute(
        [.tokenCut], StoredSource(layout, [sample]), rows: [0], parallel, folder: folder))
    #expect(values(matrices[0]) == [0, 2])
  }

  @Test func whatAnEncoderLacksIsRefused() throws {
    let reference = try FeatureCase("square")
    let bare = StoredSource(
      TokenLayout(prefixTokenCount: 0, hasClassToken: false, gridHeight: 17, gridWidth: 1, width: 16),
      reference.samples(.float16))
    for features in [HeadDescription.Features.cls, .both, .lowestEntropyAttention, .meanAttention] {
      let error = #expect(throws: InputError.self) { try FixedFeature(features, layout: bare.layout) }
      #expect(error?.reason.contains("[cls]") == true)
    }
    let withoutAttention = StoredSource(reference.layout, reference.samples(.float16))
    let other = reference.otherSource
    for features in FixedFeature.all where !features.isOfTokensAlone {
      let error = #expect(throws: InputError.self) {
        try FixedFeatures.compute(
          [features], withoutAttention, rows: [0], attentionFrom: withoutAttention, parallel, folder: folder)
      }
      #expect(error?.subject == "--cls-features \(features.rawValue)")
      #expect(error?.reason.contains("attention") == true)
    }
    let alone = #expect(throws: InputError.self) {
      try FixedFeatures.compute([.otherAttention], other, rows: [0], parallel, folder: folder)
    }
    #expect(alone?.remedy?.contains("--attention-from") == true)
    let narrow = try FeatureCase("tall_registers").otherSource
    let grids = #expect(throws: InputError.self) {
      try FixedFeatures.compute(
        [.otherAttention], other, rows: [0], attentionFrom: narrow, parallel, folder: folder)
    }
    #expect(grids?.reason.contains("6x4") == true && grids?.reason.contains("4x4") == true)
    let huge = StoredSource(
      TokenLayout(prefixTokenCount: 0, hasClassToken: false, gridHeight: 65, gridWidth: 65, width: 1),
      [StoredSample([Float](repeating: 1, count: 4225), as: .float16, tokenCount: 4225, width: 1)])
    let large = #expect(throws: InputError.self) {
      try FixedFeatures.compute([.tokenCut], huge, rows: [0], parallel, folder: folder)
    }
    #expect(large?.reason.contains("4225") == true)
  }

  @Test func aPassStopsWhenAsked() throws {
    let source = try FeatureCase("one").source(.bfloat16)
    var done: [Int] = []
    let rows = [Int](repeating: 0, count: 1300)
    let stopped = try FixedFeatures.compute(
      [.cls], source, rows: rows, parallel, folder: folder, shouldStop: { done.last ?? 0 >= 1000 },
      onProgress: { done.append($0) })
    #expect(stopped == nil)
    #expect(done.last! >= 1000 && done.last! < 1300)
    done = []
    let finished = try FixedFeatures.compute(
      [.cls], source, rows: rows, parallel, folder: folder, onProgress: { done.append($0) })
    #expect(finished?[0].rowCount == 1300)
    #expect(done.last == 1300)
  }

  @Test func featuresLeaveNoFileAndNeedRoom() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let matrix = try FeatureMatrix(rowCount: 3, width: 2, folder: folder)
    #expect(values(matrix) == [0, 0, 0, 0, 0, 0])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    #expect(try FeatureMatrix(rowCount: 0, width: 2, folder: folder).rowCount == 0)
    for rowCount in [1 << 44, .max] {
      let error = #expect(throws: InputError.self) {
        try FeatureMatrix(rowCount: rowCount, width: 64, folder: folder)
      }
      #expect(error?.subject == folder)
    }
    #expect(throws: InputError.self) {
      try FeatureMatrix(rowCount: 1, width: 64, folder: folder + "/missing")
    }
  }
}

extension HeadDescription.Features {
  fileprivate var isOfTokensAlone: Bool {
    let names = ["cls", "pos", "both", "raw", "cp1", "cp2", "cp3", "cp4", "tcut"]
    return names.contains(rawValue)
  }
}
