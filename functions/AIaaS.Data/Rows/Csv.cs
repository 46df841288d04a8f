using System.Buffers;
using System.Text;

namespace AIaaS.Data.Rows;

/// <summary>Writes comma separated values as RFC 4180 has them, with LF.</summary>
public static class Csv
{
    private static readonly SearchValues<byte> Special = SearchValues.Create(",\"\r\n"u8);

    public static void WriteRow(IBufferWriter<byte> output, IEnumerable<string> fields)
    {
        bool first = true;
        foreach (string field in fields)
        {
            if (!first)
                output.Write(","u8);
            WriteField(output, Encoding.UTF8.GetBytes(field));
            first = false;
        }
        output.Write("\n"u8);
    }

    /// <summary>Writes a field; quoted where it holds a separator, a quote or a line end, or where readers would take blanks around it away.</summary>
    public static void WriteField(IBufferWriter<byte> output, ReadOnlySpan<byte> field)
    {
        if (field.IndexOfAny(Special) < 0 && field is not [(byte)' ', ..] and not [.., (byte)' '])
        {
            output.Write(field);
            return;
        }
        output.Write("\""u8);
        for (int quote; (quote = field.IndexOf((byte)'"')) >= 0; field = field[(quote + 1)..])
        {
            output.Write(field[..(quote + 1)]);
            output.Write("\""u8);
        }
        output.Write(field);
        output.Write("\""u8);
    }
}
