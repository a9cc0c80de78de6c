import Files
import Foundation
import Testing
import VisionTransformer

struct EncoderConfigurationTests {
  /// A small valid configuration with some of its sizes changed.
  static func make(
    imageHeight: Int = 32, imageWidth: Int = 48, patchHeight: Int = 8, patchWidth: Int = 8,
    channelCount: Int = 3, width: Int = 24, depth: Int = 2, headCount: Int = 3, mlpWidth: Int = 96,
    hasClassToken: Bool = true, layerNormEpsilon: Float = 1e-6, rotary: RotaryEmbedding? = nil,
    parts change: (inout EncoderParts) -> Void = { _ in }
  ) throws -> EncoderConfiguration {
    var parts = EncoderParts()
    parts.hasClassToken = hasClassToken
    change(&parts)
    return try EncoderConfiguration(
      imageHeight: imageHeight, imageWidth: imageWidth, patchHeight: patchHeight, patchWidth: patchWidth,
      channelCount: channelCount, width: width, depth: depth, headCount: headCount, mlpWidth: mlpWidth,
      parts: parts, layerNormEpsilon: layerNormEpsilon, rotary: rotary)
  }

  @Test func sizesFollow() throws {
    let configuration = try Self.make()
    #expect(configuration.gridHeight == 4 && configuration.gridWidth == 6)
    #expect(configuration.patchCount == 24 && configuration.tokenCount == 25)
    #expect(configuration.prefixTokenCount == 1 && configuration.headWidth == 8)
    #expect(configuration.pixelValueCount == 3 * 32 * 48)
    #expect(try Self.make(hasClassToken: false).tokenCount == 24)
    #expect(try Self.make(parts: { $0.registerCount = 4 }).prefixTokenCount == 5)
    // As in a convolution, what fills no patch is not seen.
    #expect(try Self.make(imageHeight: 39).gridHeight == 4)
  }

  @Test func survivesJSON() throws {
    let rotaries = [
      RotaryEmbedding(pairing: .halves, coordinates: .centered, frequencies: .periods([1])),
      RotaryEmbedding(
        pairing: .interleaved, coordinates: .steps(reference: 16), frequencies: .powers(base: 100)),
      RotaryEmbedding(
        pairing: .halves, coordinates: .unit, frequencies: .learned, turnsRegisters: true),
    ]
    for rotary in rotaries {
      let configuration = try Self.make(
        headCount: 6, hasClassToken: false, layerNormEpsilon: 1e-5, rotary: rotary,
        parts: { $0.registerCount = 4 })
      let json = try JSONEncoder().encode(configuration)
      #expect(try JSONDecoder().decode(EncoderConfiguration.self, from: json) == configuration)
    }
  }

  @Test func decodingRefusesWhatCannotBe() throws {
    let json = String(decoding: try JSONEncoder().encode(Self.make()), as: UTF8.self)
    let wrong = json.replacingOccurrences(of: "\"headCount\":3", with: "\"headCount\":5")
    #expect(wrong != json)
    #expect(throws: InputError("encoder configuration", "the width 24 does not divide into 5 heads")) {
      try JSONDecoder().decode(EncoderConfiguration.self, from: Data(wrong.utf8))
    }
  }

  @Test(arguments: [0, -1, Int.min, Int.max, 1 << 40])
  func refusesSizesThatNoModelHas(size: Int) {
    #expect(throws: InputError.self) { try Self.make(imageHeight: size) }
    #expect(throws: InputError.self) { try Self.make(imageWidth: size) }
    #expect(throws: InputError.self) { try Self.make(patchHeight: size) }
    #expect(throws: InputError.self) { try Self.make(patchWidth: size) }
    #expect(throws: InputError.self) { try Self.make(channelCount: size) }
    #expect(throws: InputError.self) { try Self.make(width: size) }
    #expect(throws: InputError.self) { try Self.make(depth: size) }
    #expect(throws: InputError.self) { try Self.make(headCount: size) }
    #expect(throws: InputError.self) { try Self.make(mlpWidth: size) }
  }

  @Test func refusesWhatDoesNotFitTogether() {
    #expect(throws: InputError.self) { try Self.make(patchHeight: 33) }
    #expect(throws: InputError.self) { try Self.make(width: 25) }
    #expect(throws: InputError.self) { try Self.make(imageHeight: 8192, imageWidth: 8192) }
    #expect(throws: InputError.self) { try Self.make(layerNormEpsilon: .nan) }
    #expect(throws: InputError.self) { try Self.make(layerNormEpsilon: -1e-6) }
    for count in [-1, 64] {
      #expect(throws: InputError.self) { try Self.make(parts: { $0.registerCount = count }) }
    }
    #expect(throws: InputError.self) {
      try Self.make(parts: {
        $0.registerCount = 1
        $0.relativePosition = .shared
      })
    }
  }

  @Test(
    arguments: [
      (3, .powers(base: 100), nil, 0, false), (6, .powers(base: 100), nil, 0, false),
      (4, .powers(base: 100), nil, 0, true), (3, .powers(base: 0), nil, 0, true),
      (3, .powers(base: .nan), nil, 0, true), (3, .periods([1, 2]), 16, 4, false),
      (3, .periods([1]), nil, 0, true), (3, .periods([1, 0]), nil, 0, true), (3, .learned, 0, 0, true),
      (3, .learned, nil, 3, true),
    ] as [(Int, RotaryEmbedding.Frequencies, Int?, Int, Bool)])
  func rotationsMustFitTheHeads(
    headCount: Int, frequencies: RotaryEmbedding.Frequencies, reference: Int?, registerCount: Int,
    isRefused: Bool
  ) {
    let rotary = RotaryEmbedding(
      pairing: .halves, coordinates: .steps(reference: reference), frequencies: frequencies,
      turnsRegisters: true)
    let configuration = try? Self.make(
      headCount: headCount, rotary: rotary, parts: { $0.registerCount = registerCount })
    #expect((configuration == nil) == isRefused)
  }

  @Test func statisticsKeepTheirOrder() {
    let names = AttentionStatistic.allCases.map(\.rawValue)
    #expect(names.first == "cls_cls_attention" && names.last == "pos_magnitude")
    #expect(AttentionStatistic.perHead.map(\.rawValue) == Array(names.prefix(8)))
    #expect(AttentionStatistic.perBlock.map(\.rawValue) == ["cls_magnitude", "pos_magnitude"])
    #expect(
      AttentionStatistic.allCases.filter { !$0.needsClassToken } == [
        .posSelfAttention, .posSelfAttentionAdjusted, .posPosEntropy, .posMagnitude,
      ])
  }
}
