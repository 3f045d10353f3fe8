"""Writes models/cortex-tiny.gguf from the trained weights: Q8_0 matrices, F32 norms."""

import argparse
from pathlib import Path

import gguf
import numpy as np

from model_shape import SHAPE
from vocabulary import BUILD, END, PAD, Vocabulary

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "models" / "cortex-tiny.gguf"
Q8_0 = gguf.GGMLQuantizationType.Q8_0


def add_metadata(writer, parameters):
    writer.add_type("model")
    writer.add_name("cortex-tiny")
    writer.add_description("A tiny demonstration model of cortex + neuron, trained on generated text only.")
    writer.add_license("apache-2.0")
    writer.add_size_label(f"{parameters / 1e6:.1f}M")
    writer.add_languages(["en"])
    writer.add_sampling_temp(0.2)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(SHAPE.vocab)
    writer.add_context_length(SHAPE.context_length)
    writer.add_embedding_length(SHAPE.width)
    writer.add_block_count(SHAPE.layers)
    writer.add_feed_forward_length(SHAPE.hidden)
    writer.add_head_count(SHAPE.heads)
    writer.add_head_count_kv(SHAPE.kv_heads)
    writer.add_key_length(SHAPE.head_size)
    writer.add_value_length(SHAPE.head_size)
    writer.add_rope_freq_base(SHAPE.rope_base)
    writer.add_layer_norm_rms_eps(SHAPE.norm_epsilon)


def add_tokenizer(writer, vocabulary):
    kinds = gguf.TokenType
    types = [kinds.NORMAL] * len(vocabulary.bpe_tokens) + [kinds.CONTROL] * 3
    types += [kinds.USER_DEFINED] * (len(vocabulary.tokens) - len(types))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(types)
    writer.add_token_merges(vocabulary.merges())
    writer.add_eos_token_id(vocabulary.whole_ids[END])
    writer.add_bos_token_id(vocabulary.whole_ids[PAD])
    writer.add_pad_token_id(vocabulary.whole_ids[PAD])
    writer.add_add_bos_token(False)
    writer.add_chat_template((HERE / "template.jinja").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=str(BUILD / "weights.npz"))
    parser.add_argument("--output", default=str(OUTPUT))
    arguments = parser.parse_args()

    weights = dict(np.load(arguments.weights))
    writer = gguf.GGUFWriter(arguments.output, "qwen3")
    add_metadata(writer, sum(array.size for array in weights.values()))
    add_tokenizer(writer, Vocabulary())
    for name, array in weights.items():
        if array.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(array, Q8_0), raw_dtype=Q8_0)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{arguments.output}: {Path(arguments.output).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
