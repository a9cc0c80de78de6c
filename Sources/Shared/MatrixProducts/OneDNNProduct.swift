import CKernels
import CoDNN
import Compute
import Files

/// A product by oneDNN, on the calling thread alone.
final class OneDNNProduct: MatrixProduct {
  /// Sendable because oneDNN's primitives are constant once made.
  private struct Pointer: @unchecked Sendable { let value: OpaquePointer }
  private let product: Pointer
  private let shape: ProductShape

  /// So that PATCHBANK_CPU limits the library as it limits our own kernels.
  private static let limit: Void = {
    switch pb_cpu_process_level() {
    case PB_CPU_BASELINE: pb_onednn_limit(PB_ONEDNN_ISA_BASELINE)
    case PB_CPU_AVX2: pb_onednn_limit(PB_ONEDNN_ISA_AVX2)
    default: pb_onednn_limit(PB_ONEDNN_ISA_ALL)
    }
  }()

  /// - Returns: nil where the library offers no such product on this processor.
  init?(_ shape: ProductShape) throws(InputError) {
    _ = Self.limit
    var product: OpaquePointer?
    let status = withUnsafePointer(to: pb_onednn_shape(shape)) { pb_onednn_product_create($0, &product) }
    if status == PB_ONEDNN_UNSUPPORTED { return nil }
    guard status == PB_ONEDNN_OK, let product else {
      throw Self.error(status, "prepare a product of \(shape)")
    }
    self.product = Pointer(value: product)
    self.shape = shape
  }

  deinit { pb_onednn_product_destroy(product.value) }

  var scratchByteCount: Int { pb_onednn_product_scratch_bytes(product.value) }

  private final class Weight: PackedWeight {
    let packed: Pointer
    init(_ packed: OpaquePointer) { self.packed = Pointer(value: packed) }
    deinit { pb_onednn_weight_destroy(packed.value) }
  }

  func pack(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) throws(InputError) -> any PackedWeight {
    var packed: OpaquePointer?
    let status = pb_onednn_weight_create(product.value, weight, bias, &packed)
    guard status == PB_ONEDNN_OK, let packed else { throw Self.error(status, "pack a weight for \(shape)") }
    return Weight(packed)
  }

  func run(
    _ a: UnsafeRawPointer, _ b: RightOperand, into c: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) {
    let status =
      switch b {
      case .weight(let weight):
        pb_onednn_product_run(
          product.value, unsafeDowncast(weight, to: Weight.self).packed.value, a, nil, c, scratch)
      case .matrix(let matrix): pb_onednn_product_run(product.value, nil, a, matrix, c, scratch)
      }
    precondition(status == PB_ONEDNN_OK, "oneDNN failed to run a product of \(shape) that it had prepared")
  }

  private static func error(_ status: pb_onednn_status, _ doing: String) -> InputError {
    InputError(
      "oneDNN \(String(cString: pb_onednn_version()))",
      "cannot \(doing)" + (status == PB_ONEDNN_NO_MEMORY ? ": there is no memory left" : ""),
      remedy: "multiply with OpenBLAS instead (--engine openblas)")
  }
}

extension pb_onednn_shape {
  init(_ shape: ProductShape) {
    self.init()
    (rows, depth, columns) = (Int64(shape.rows), Int64(shape.depth), Int64(shape.columns))
    (a_stride, c_stride) = (Int64(shape.leftStride), Int64(shape.resultStride))
    switch shape.right {
    case .weight: (b_row_stride, b_column_stride, has_bias) = (0, 0, 1)
    case .rows(let stride): (b_row_stride, b_column_stride) = (Int64(stride), 1)
    case .columns(let stride): (b_row_stride, b_column_stride) = (1, Int64(stride))
    }
    operands = pb_onednn_type(shape.operands)
    result = pb_onednn_type(shape.result)
    switch shape.completion {
    case .add: adds_to_result = 1
    case .store(nil): activation = PB_ONEDNN_IDENTITY
    case .store(.gelu): activation = PB_ONEDNN_GELU
    case .store(.geluTanh): activation = PB_ONEDNN_GELU_TANH
    case .store(.quickGelu): activation = PB_ONEDNN_QUICK_GELU
    }
  }
}

extension pb_onednn_type {
  fileprivate init(_ type: ElementType) { self = type == .bfloat16 ? PB_ONEDNN_BFLOAT16 : PB_ONEDNN_FLOAT32 }
}
