import Compute
import Foundation
import MatrixProducts
import TestSupport
import Testing

/// A matrix as a product takes it: its exact values, and the same in memory with a stride and a type.
private struct Operand {
  let rows: Int
  let columns: Int
  let stride: Int
  /// [rows, columns], as they are after rounding to the type.
  let values: [Float]
  let memory: SharedBuffer<UInt8>

  init(_ rows: Int, _ columns: Int, padding: Int, _ type: ElementType, _ generator: inout SeededGenerator) {
    let stride = columns + padding
    // What lies between the rows must not be used: NaN would spread.
    var padded = [Float](repeating: .nan, count: rows * stride)
    for row in 0..<rows {
      for column in 0..<columns { padded[row * stride + column] = Float(generator.normal()) }
    }
    memory = SharedBuffer(count: padded.count * type.byteCount)
    type.encode(padded, into: memory.pointer, count: padded.count)
    let rounded = SharedBuffer<Float>(count: padded.count)
    type.decode(memory.pointer, into: rounded.pointer, count: padded.count)
    values = (0..<rows).flatMap { row in (0..<columns).map { rounded[row * stride + $0] } }
    (self.rows, self.columns, self.stride) = (rows, columns, stride)
  }
}

private func apply(_ activation: Activation?, _ x: Double) -> Double {
  switch activation {
  case nil: x
  case .gelu: 0.5 * x * erfc(-x / 2.0.squareRoot())
  case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .quickGelu: x / (1 + exp(-1.702 * x))
  }
}

struct MatrixProductTests {
  struct Case: Sendable {
    let rows: Int
    let depth: Int
    let columns: Int
  }

  static let sizes = [
    Case(rows: 1, depth: 1, columns: 1), Case(rows: 2, depth: 15, columns: 17),
    Case(rows: 16, depth: 16, columns: 16), Case(rows: 17, depth: 31, columns: 33),
    Case(rows: 5, depth: 64, columns: 5), Case(rows: 65, depth: 27, columns: 48),
    Case(rows: 197, depth: 64, columns: 197),
  ]
  static let types = [ElementType.float32, .bfloat16]

  /// Of float32's rounding in sums of some hundred products; or of one rounding to a bfloat16, 2^-8.
  private func tolerance(_ result: ElementType) -> Double { result == .float32 ? 2e-6 : 0x1p-8 }

  private func sums(_ a: Operand, _ b: Operand, transposed: Bool) -> [Double] {
    let columns = transposed ? b.rows : b.columns
    return (0..<a.rows).flatMap { row in
      (0..<columns).map { column in
        (0..<a.columns).reduce(0.0) { sum, k in
          let right = transposed ? b.values[column * b.columns + k] : b.values[k * b.columns + column]
          return sum + Double(a.values[row * a.columns + k]) * Double(right)
        }
      }
    }
  }

  @Test(arguments: sizes, ProductEngine.allCases)
  func productsOfTwoMatricesAgreeWithTheirDefinition(size: Case, engine: ProductEngine) throws {
    var generator = SeededGenerator(seed: 1)
    for operands in Self.types {
      for result in Set([operands, .float32]) {
        for transposed in [false, true] {
          let a = Operand(size.rows, size.depth, padding: 3, operands, &generator)
          let b =
            transposed
            ? Operand(size.columns, size.depth, padding: 5, operands, &generator)
            : Operand(size.depth, size.columns, padding: 5, operands, &generator)
          let shape = ProductShape(
            rows: size.rows, depth: size.depth, columns: size.columns, operands: operands, result: result,
            leftStride: a.stride, right: transposed ? .columns(stride: b.stride) : .rows(stride: b.stride),
            resultStride: size.columns + 2)
          let product = try engine.prepare(shape)
          let c = SharedBuffer<UInt8>(count: (size.rows * shape.resultStride + 1) * result.byteCount)
          c.fill(0x7F)
          let scratch = SharedBuffer<UInt8>(count: product.scratchByteCount)
          product.run(a.memory.pointer, .matrix(b.memory.pointer), into: c.pointer, scratch: scratch.pointer)

          let stored = SharedBuffer<Float>(count: size.rows * shape.resultStride + 1)
          result.decode(c.pointer, into: stored.pointer, count: stored.count)
          let actual = (0..<size.rows).flatMap { row in
            (0..<size.columns).map { stored[row * shape.resultStride + $0] }
          }
          let expected = sums(a, b, transposed: transposed).map { Float($0) }
          let closeness = Closeness(actual, expected)
          #expect(closeness.relativeError < tolerance(result), "\(shape): \(closeness)")
          // Between and after the rows nothing is written.
          let untouched = (0..<size.rows).allSatisfy { row in
            c.array[
              ((row + 1) * shape.resultStride - 2) * result.byteCount..<(row + 1) * shape.resultStride
                * result.byteCount
            ]
            .allSatisfy { $0 == 0x7F }
          }
          #expect(untouched, "\(shape)")
        }
      }
    }
  }

  @Test(arguments: sizes, ProductEngine.allCases)
  func linearLayersAgreeWithTheirDefinition(size: Case, engine: ProductEngine) throws {
    var generator = SeededGenerator(seed: 2)
    let completions: [ProductShape.Completion] =
      [.add, .store(nil)] + Activation.allCases.map { .store($0) }
    for operands in Self.types {
      for completion in completions {
        let result = completion == .add ? .float32 : operands
        let a = Operand(size.rows, size.depth, padding: 0, operands, &generator)
        let weight = Operand(size.columns, size.depth, padding: 0, operands, &generator)
        let bias = SharedBuffer((0..<size.columns).map { _ in Float(generator.normal()) })
        let before = (0..<size.rows * size.columns).map { _ in Float(generator.normal()) }
        let shape = ProductShape.linear(
          rows: size.rows, inputWidth: size.depth, outputWidth: size.columns, operands: operands,
          result: result, completion: completion)
        let product = try engine.prepare(shape)
        let values = SharedBuffer(weight.values)
        let packed = try product.pack(weight: values.pointer, bias: bias.pointer)
        let c = SharedBuffer<UInt8>(count: before.count * result.byteCount)
        result.encode(before, into: c.pointer, count: before.count)
        let scratch = SharedBuffer<UInt8>(count: product.scratchByteCount)
        product.run(a.memory.pointer, .weight(packed), into: c.pointer, scratch: scratch.pointer)

        let actual = SharedBuffer<Float>(count: before.count)
        result.decode(c.pointer, into: actual.pointer, count: before.count)
        let expected = sums(a, weight, transposed: true).enumerated().map { index, sum in
          let sum = sum + Double(bias[index % size.columns])
          switch completion {
          case .add: return Float(sum + Double(before[index]))
          case .store(let activation): return Float(MatrixProductsTests.apply(activation, sum))
          }
        }
        let closeness = Closeness(actual.array, expected)
        #expect(closeness.relativeError < tolerance(result), "\(shape): \(closeness)")
      }
    }
  }

  /// A product that was prepared once is run by all threads at once.
  @Test(arguments: ProductEngine.allCases)
  func threadsShareAProduct(engine: ProductEngine) throws {
    var generator = SeededGenerator(seed: 3)
    let a = Operand(40, 96, padding: 0, .float32, &generator)
    let weight = Operand(64, 96, padding: 0, .float32, &generator)
    let bias = SharedBuffer<Float>(count: 64)
    let product = try engine.prepare(
      .linear(rows: 40, inputWidth: 96, outputWidth: 64, operands: .float32, result: .float32))
    let values = SharedBuffer(weight.values)
    let packed = try product.pack(weight: values.pointer, bias: bias.pointer)
    let count = 64
    let results = (0..<count).map { _ in SharedBuffer<Float>(count: 40 * 64) }
    let parallel = Parallel(threadCount: 4)
    let scratch = PerWorker(parallel) { SharedBuffer<UInt8>(count: product.scratchByteCount) }
    try parallel.forEach(count) { index, worker in
      product.run(
        a.memory.pointer, .weight(packed), into: results[index].pointer,
        scratch: try scratch.value(worker).pointer)
    }
    #expect(results.allSatisfy { $0.array == results[0].array })
    let expected = sums(a, weight, transposed: true).map { Float($0) }
    #expect(Closeness(results[0].array, expected).relativeError < 2e-6)
  }
}
