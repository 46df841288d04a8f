using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>RFC 4180 records of a text that is in memory: the head of a file, or a rejected row.</summary>
internal static class DelimitedRecords
{
    /// <param name="Fields">Unquoted.</param>
    /// <param name="Length">Characters of the record with its line end.</param>
    /// <param name="IsComplete">Whether a line end closed it.</param>
    internal readonly record struct Record(List<string> Fields, int Length, bool IsComplete);

    public static Record Read(ReadOnlySpan<char> text, char delimiter)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        bool quoted = false, atStart = true;
        int i = 0;
        for (; i < text.Length; i++)
        {
            char c = text[i];
            if (quoted)
            {
                if (c != '"')
                    field.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"')
                    field.Append(text[i++]);
                else
                    quoted = false;
            }
            else if (c == '"' && atStart)
            {
                quoted = true;
                atStart = false;
            }
            else if (c == delimiter)
            {
                fields.Add(field.ToString());
                field.Clear();
                atStart = true;
            }
            else if (c is '\n' or '\r')
            {
                int end = c == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1;
                fields.Add(field.ToString());
                return new(fields, i + end, IsComplete: true);
            }
            else
            {
                field.Append(c);
                atStart = false;
            }
        }
        fields.Add(field.ToString());
        return new(fields, i, IsComplete: false);
    }
}
