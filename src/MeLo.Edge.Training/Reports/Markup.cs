using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Xml;

namespace MeLo.Edge.Training.Reports;

/// <summary>Markup in the making: HTML that is XML too, or SVG. What is interpolated is text and is escaped, unless it is markup itself, so that no name out of a file can become a tag.</summary>
internal sealed class Markup
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds a line.</summary>
    public Markup Line([InterpolatedStringHandlerArgument("")] Handler markup)
    {
        _ = markup;
        _text.Append('\n');
        return this;
    }

    /// <summary>All of it.</summary>
    public override string ToString() => _text.ToString();

    /// <summary>All of it, UTF-8.</summary>
    public byte[] ToUtf8() => Encoding.UTF8.GetBytes(ToString());

    private void Escape(ReadOnlySpan<char> text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            _text.Append(rune.Value switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                // What XML has no place for, most control characters and the last of each plane, stands in no name that means anything.
                < char.MaxValue when !XmlConvert.IsXmlChar((char)rune.Value) => "\uFFFD",
                _ => rune.ToString(),
            });
        }
    }

    /// <summary>The compiler's way to a literal with holes.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Handler
    {
        private readonly Markup _markup;

        /// <summary>Called by the compiler.</summary>
        public Handler(int literalLength, int formattedCount, Markup markup)
        {
            _ = (literalLength, formattedCount);
            _markup = markup;
        }

        /// <summary>Markup.</summary>
        public void AppendLiteral(string markup) => _markup._text.Append(markup);

        /// <summary>Text, which is escaped.</summary>
        public void AppendFormatted(string? text) => _markup.Escape(text);

        /// <summary>Markup.</summary>
        public void AppendFormatted(Markup markup) => _markup._text.Append(markup._text);

        /// <summary>A number, with at most two decimals unless a format is given; a dash for what is not defined.</summary>
        public void AppendFormatted(double value, string format = "0.##") => _markup.Escape(double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "–");

        /// <summary>A count.</summary>
        public void AppendFormatted(int value) => _markup._text.Append(CultureInfo.InvariantCulture, $"{value}");
    }
}
