import CKernels
import Compute
import LinearLayers

/// Sizes of ViT-B/16 at 224 pixels.
enum Base {
  static let side = 224
  static let patch = 16
  static let patchCount = 196
  static let tokenCount = 197
  static let width = 768
  static let depth = 12
  static let headCount = 12
  static let headWidth = 64
  static let mlpWidth = 3072
}

/// A buffer of small random values.
func randomBuffer(_ count: Int, seed: UInt64 = 0) -> SharedBuffer<Float> {
  var generator = SeededGenerator(seed: seed)
  let buffer = SharedBuffer<Float>(count: count)
  for index in 0..<count { buffer[index] = Float(generator.uniform(-1, 1)) }
  return buffer
}

/// The products of one image's tokens, on one thread.
enum MatrixProducts {
  static func measure(_ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report) throws {
    for (engine, operands) in [
      (LinearEngine.openBLAS, ElementType.float32), (.oneDNN, .float32), (.oneDNN, .bfloat16),
    ] {
      let (width, mlpWidth) = (Base.width, Base.mlpWidth)
      let layers: [(String, Int, Int, LinearShape.Completion)] = [
        ("qkv", width, 3 * width, .store(nil)), ("proj, added", width, width, .add),
        ("fc1, GELU", width, mlpWidth, .store(.gelu)), ("fc2, added", mlpWidth, width, .add),
      ]
      for (name, inputWidth, outputWidth, completion) in layers {
        let shape = LinearShape(
          rows: Base.tokenCount, inputWidth: inputWidth, outputWidth: outputWidth, operands: operands,
          result: completion == .add ? .float32 : operands, completion: completion)
        report.add(
          "linear layer, \(engine) \(operands), \(name)", try rate(of: shape, engine, stopwatch), .operations,
          of: ceilings.products(of: operands))
      }
    }
    for operands in [ElementType.float32, .bfloat16] {
      report.add(
        "attention of a head with statistics, \(operands)", attentionRate(operands, stopwatch), .operations,
        of: ceilings.products(of: operands))
    }
  }

  private static func rate(
    of shape: LinearShape, _ engine: LinearEngine, _ stopwatch: Stopwatch
  ) throws -> Double {
    let layer = try LinearLayer(
      shape, weight: randomBuffer(shape.outputWidth * shape.inputWidth, seed: 1),
      bias: randomBuffer(shape.outputWidth), engine: engine)
    let input = operands(shape.rows * shape.inputWidth, shape.operands)
    let output = SharedBuffer<UInt8>(count: shape.rows * shape.outputWidth * shape.result.byteCount)
    let scratch = SharedBuffer<UInt8>(count: layer.scratchByteCount)
    return stopwatch.rate(of: Double(2 * shape.rows * shape.inputWidth * shape.outputWidth)) {
      layer.apply(input.pointer, into: output.pointer, scratch: scratch.pointer)
    }
  }

  /// One head: both products, and between them the softmax that measures.
  private static func attentionRate(_ type: ElementType, _ stopwatch: Stopwatch) -> Double {
    let (tokenCount, width) = (Base.tokenCount, Base.width)
    let shape = pb_attention_shape(
      prefix: 1, patches: Base.patchCount, head_width: Base.headWidth, has_class: 1,
      input_stride: 3 * width, output_stride: width)
    let queryKeyValue = operands(tokenCount * 3 * width, type)
    let output = SharedBuffer<UInt8>(count: tokenCount * width * type.byteCount)
    let statistics = SharedBuffer<Float>(count: 8)
    return withUnsafePointer(to: shape) { shape in
      let scratch = SharedBuffer<UInt8>(count: pb_attention_scratch_bytes(shape))
      func rate<Element>(
        _: Element.Type,
        _ kernel: (
          UnsafePointer<pb_attention_shape>, UnsafePointer<Element>, UnsafePointer<Element>,
          UnsafePointer<Element>, UnsafePointer<Float>?, UnsafeMutablePointer<Element>,
          UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>, UnsafeMutableRawPointer
        ) -> Void
      ) -> Double {
        let queries = UnsafeRawPointer(queryKeyValue.pointer).assumingMemoryBound(to: Element.self)
        let output = UnsafeMutableRawPointer(output.pointer).assumingMemoryBound(to: Element.self)
        return stopwatch.rate(of: Double(2 * 2 * tokenCount * tokenCount * Base.headWidth)) {
          kernel(
            shape, queries, queries + width, queries + 2 * width, nil, output, nil, statistics.pointer,
            scratch.pointer)
        }
      }
      return type == .float32
        ? rate(Float.self, pb_attention_head_f32) : rate(UInt16.self, pb_attention_head_bf16)
    }
  }

  /// Random values of a type.
  private static func operands(_ count: Int, _ type: ElementType) -> SharedBuffer<UInt8> {
    let values = randomBuffer(count)
    let operands = SharedBuffer<UInt8>(count: count * type.byteCount)
    _ = type.encode(values.pointer, into: operands.pointer, count: count)
    return operands
  }
}
