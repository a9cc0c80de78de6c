import CKernels
import Compute
import TestSupport
import Testing

struct ConversionTests {
  /// Single-precision values of every sign and exponent, with mantissas around the borders of the shorter types, and
  /// random ones.
  static let singles: [Float] = {
    var values: [Float] = [
      .infinity, -.infinity, .nan, 65503.9, 65504, 65519.99, 65520, 65536, .greatestFiniteMagnitude,
    ]
    let mantissas: [UInt32] = [
      0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x2FFF, 0x3000, 0x3001, 0x7FFF, 0x8000, 0x8001, 0xFFFF,
      0x1_0000, 0x1_7FFF, 0x1_8000, 0x1_8001, 0x40_0000, 0x7F_EFFF, 0x7F_F000, 0x7F_FFFF,
    ]
    for high in UInt32(0)..<512 {
      values += mantissas.map { Float(bitPattern: high << 23 | $0) }
    }
    var generator = SeededGenerator(seed: 1)
    values += (0..<50_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
    return values
  }()

  @Test(arguments: CPULevel.available)
  func everyFloat16WidensExactly(level: CPULevel) {
    let halves = SharedBuffer((0...UInt16.max).map { $0 })
    let widened = SharedBuffer<Float>(count: halves.count)
    level.run { pb_f16_to_f32(halves.pointer, widened.pointer, halves.count) }
    let expected = halves.array.map(pb_f16_to_f32_reference)
    #expect(zip(widened.array, expected).allSatisfy(same))
    #expect(expected[0x3C00] == 1 && expected[0x0001] == 0x1p-24 && expected[0xFBFF] == -65504)
  }

  @Test(arguments: CPULevel.available)
  func everyBfloat16WidensExactly(level: CPULevel) {
    let halves = SharedBuffer((0...UInt16.max).map { $0 })
    let widened = SharedBuffer<Float>(count: halves.count)
    level.run { pb_bf16_to_f32(halves.pointer, widened.pointer, halves.count) }
    #expect(zip(widened.array, halves.array.map(pb_bf16_to_f32_reference)).allSatisfy(same))
  }

  @Test(arguments: CPULevel.available)
  func singlesRoundToFloat16AsTheReferenceDoes(level: CPULevel) {
    let rounded = round(Self.singles, level, pb_f32_to_f16)
    for (value, actual) in zip(Self.singles, rounded) {
      let expected = pb_f32_to_f16_reference(value)
      // The payload of a NaN may differ between machines; that it is a NaN of the same sign may not.
      let equal =
        value.isNaN ? actual & 0xFC00 == expected & 0xFC00 && actual & 0x3FF != 0 : actual == expected
      #expect(equal, "\(value) (\(value.bitPattern)) became \(actual), not \(expected)")
    }
  }

  @Test(arguments: CPULevel.available)
  func singlesRoundToBfloat16AsTheReferenceDoes(level: CPULevel) {
    let rounded = round(Self.singles, level, pb_f32_to_bf16)
    for (value, actual) in zip(Self.singles, rounded) {
      #expect(actual == pb_f32_to_bf16_reference(value), "\(value) (\(value.bitPattern)) became \(actual)")
    }
  }

  @Test(arguments: CPULevel.available)
  func everyHalfSurvivesTheWayThereAndBack(level: CPULevel) {
    for type in [ElementType.float16, .bfloat16] {
      let halves = SharedBuffer((0...UInt16.max).map { $0 })
      let widened = SharedBuffer<Float>(count: halves.count)
      let back = SharedBuffer<UInt16>(count: halves.count)
      level.run {
        type.decode(halves.pointer, into: widened.pointer, count: halves.count)
        type.encode(widened.pointer, into: back.pointer, count: halves.count)
      }
      let changed = (0..<halves.count).filter { back[$0] != halves[$0] && !widened[$0].isNaN }
      #expect(changed.isEmpty, "\(type) \(changed.prefix(5))")
    }
  }

  @Test(arguments: CPULevel.available, [0, 1, 3, 7, 15, 16, 17, 31, 32, 33, 63, 65, 100])
  func nothingIsWrittenBeyondTheCount(level: CPULevel, count: Int) {
    let source = SharedBuffer((0..<128).map { Float($0) + 0.5 })
    let rounded = SharedBuffer<UInt16>(count: 128)
    let widened = SharedBuffer<Float>(count: 128)
    level.run {
      pb_f32_to_f16(source.pointer, rounded.pointer, count)
      pb_f16_to_f32(rounded.pointer, widened.pointer, count)
    }
    #expect(Array(widened.array.prefix(count)) == Array(source.array.prefix(count)))
    #expect(rounded.array.dropFirst(count).allSatisfy { $0 == 0 })
    #expect(widened.array.dropFirst(count).allSatisfy { $0 == 0 })
  }

  @Test(arguments: CPULevel.available, [ElementType.float16, .bfloat16, .float32])
  func whetherEveryValueIsFiniteAsStored(level: CPULevel, type: ElementType) {
    let largest: Float =
      switch type {
      case .float16: 65519.996
      case .bfloat16: Float(bitPattern: 0x7F7F_7FFF)
      default: .greatestFiniteMagnitude
      }
    for count in [1, 15, 16, 17, 33, 100] {
      for value in [largest, -largest, largest.nextUp, -largest.nextUp, .nan, -.infinity] {
        for place in [0, count / 2, count - 1] {
          let values = SharedBuffer([Float](repeating: -3, count: count))
          let stored = SharedBuffer<UInt8>(count: count * 4)
          values[place] = value
          let isFinite = level.run { type.encode(values.pointer, into: stored.pointer, count: count) }
          #expect(isFinite == (abs(value) <= largest), "\(value) at \(place) of \(count)")
        }
      }
    }
    #expect(level.run { type.encode([0], into: UnsafeMutableRawPointer(bitPattern: 8)!, count: 0) })
  }

  @Test func singlesAreStoredAsTheyAre() {
    let values = SharedBuffer(Self.singles)
    let stored = SharedBuffer<UInt32>(count: values.count)
    let back = SharedBuffer<Float>(count: values.count)
    ElementType.float32.encode(values.pointer, into: stored.pointer, count: values.count)
    ElementType.float32.decode(stored.pointer, into: back.pointer, count: values.count)
    #expect(stored.array == Self.singles.map(\.bitPattern))
    #expect(back.array.map(\.bitPattern) == Self.singles.map(\.bitPattern))
  }

  @Test func elementTypesKnowTheirSize() {
    #expect(ElementType.allCases.map(\.byteCount) == [8, 4, 2, 2, 8, 4, 2, 1, 1, 1])
    #expect(ElementType.allCases.filter(\.isFloatingPoint) == [.float64, .float32, .float16, .bfloat16])
  }

  private func same(_ a: Float, _ b: Float) -> Bool { a.isNaN && b.isNaN || a.bitPattern == b.bitPattern }

  private func round(
    _ values: [Float], _ level: CPULevel,
    _ kernel: (UnsafePointer<Float>, UnsafeMutablePointer<UInt16>, Int) -> Bool
  ) -> [UInt16] {
    let source = SharedBuffer(values)
    let destination = SharedBuffer<UInt16>(count: values.count)
    _ = level.run { kernel(source.pointer, destination.pointer, values.count) }
    return destination.array
  }
}
