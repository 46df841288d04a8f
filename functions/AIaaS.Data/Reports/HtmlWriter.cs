using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace AIaaS.Data.Reports;

/// <summary>Writes HTML in which every interpolated value is encoded: only what stands in the program's own literals is markup.</summary>
internal sealed class HtmlWriter(TextWriter output)
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    private readonly StringBuilder _markup = new();

    public void Write([InterpolatedStringHandlerArgument("")] ref Handler markup)
    {
        _ = markup;
        output.Write(_markup);
        _markup.Clear();
    }

    /// <summary>The program's own style or script, as it is.</summary>
    public void WriteTrusted(string text) => output.Write(text);

    private void Literal(string markup) => _markup.Append(markup);

    private void Encoded(string text) => _markup.Append(Encoder.Encode(text));

    [InterpolatedStringHandler]
    public readonly ref struct Handler(int literalLength, int formattedCount, HtmlWriter writer)
    {
        private readonly HtmlWriter _writer = writer;

        public int ExpectedLength { get; } = literalLength + formattedCount;

        public void AppendLiteral(string markup) => _writer.Literal(markup);

        public void AppendFormatted(string? text) => _writer.Encoded(text ?? "");

        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable => _writer.Encoded(value.ToString(format, CultureInfo.InvariantCulture));
    }
}
