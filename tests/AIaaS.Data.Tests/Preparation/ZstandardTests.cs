using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class ZstandardTests : PreparationTest
{
    /// <summary>What the zstd program made of <see cref="Text"/> at level 19: a frame with sizes, a check sum, coded literals and sequences.</summary>
    private const string Frame =
        "KLUv/WQFCNUHAFKOJBSQLTZwsw2Br/j/rJXdvWkJ7t8GIKiLqGpZR/WhfX9at+kbLvepl7mJp/c1vLqsblMbDBdV7byj8Vat6nZ19bOGH67qcFmLt/Oa2XGrzlUeasj99TaN6J9VPq1c9gdb11DX8n" +
        "h1aNtbAD3EIZSDBIqaRzDAKARCFAFEJFDwGE4jBcfSPMEQJJDTMMIAQNMBCYYSdKgheHxnazuQW3ISQBBgwgr+P8nvBvl7fr1vxd2xuMOHRZvIMu0z7Lvp/axtPlPXAXE7puc5H0qWiNQgdnNszoPl" +
        "d0vUM7eRA6Op5YGEmk472ZwOLcgS038Sy81n70ebpG4ApAp2XbjA";

    private static string Text { get; } = "id,text\n" + string.Concat(Enumerable.Range(0, 60).Select(i =>
        string.Create(CultureInfo.InvariantCulture, $"{i},{new[] { "north", "south", "east" }[i % 3]} {i * i % 97} some words that come again\n")));

    [Fact]
    public void A_frame_of_the_zstd_program_is_decompressed() => Assert.Equal(Text, Encoding.UTF8.GetString(Decompress(Convert.FromBase64String(Frame))));

    [Fact]
    public void Frames_follow_one_another_and_skippable_ones_are_skipped() =>
        Assert.Equal(Text + Text, Encoding.UTF8.GetString(Decompress([.. Convert.FromBase64String(Frame), 0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3, .. Convert.FromBase64String(Frame)])));

    [Fact]
    public void A_frame_that_was_cut_off_anywhere_is_damaged()
    {
        byte[] frame = Convert.FromBase64String(Frame);
        for (int length = 1; length < frame.Length; length++)
            Assert.Throws<InvalidDataException>(() => Decompress(frame[..length]));
    }

    [Fact]
    public void A_changed_bit_is_never_taken_for_other_text()
    {
        byte[] frame = Convert.FromBase64String(Frame);
        byte[] text = Encoding.UTF8.GetBytes(Text);
        for (int bit = 0; bit < 8 * frame.Length; bit++)
        {
            byte[] changed = [.. frame];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                Assert.Equal(text, Decompress(changed));
            }
            catch (InvalidDataException)
            {
                // As it should be, unless the bit means nothing.
            }
        }
    }

    [Theory]
    [InlineData("csv", 30_000)]
    [InlineData("json", 30_000)]
    public void Compressed_text_is_read(string format, int rows)
    {
        string path = Folder[$"a.{format}.zst"];
        using (var database = DuckDbDatabase.Open())
        using (DuckDbConnection connection = database.Connect())
            connection.Execute($"COPY (SELECT i AS id, 'name ' || hash(i) AS name FROM range({rows}) t(i)) TO {Sql.Literal(path)} (FORMAT {format}, COMPRESSION zstd)");

        PreparationResult result = Prepare(path);

        Assert.Equal(rows, result.Profile.Rows);
        Assert.Equal(Enumerable.Range(0, rows).Select(i => (float)i), Numbers("id"));
    }

    [Fact]
    public void A_compressed_file_may_not_grow_beyond_the_bound()
    {
        // One repeated byte, sixteen blocks of it: 2 MiB in 57 bytes.
        byte[] block = [0x02, 0x00, 0x10, (byte)'a'];
        byte[] bomb = [0x28, 0xB5, 0x2F, 0xFD, 0, 0x58, .. Enumerable.Repeat(block, 15).SelectMany(bytes => bytes), 0x03, 0x00, 0x10, (byte)'a'];
        var preparation = new DatasetPreparation(new PreparationOptions { MaximumSourceBytes = 1_000_000 });
        DatasetException exception = Assert.Throws<DatasetException>(
            () => preparation.Prepare([new(Folder.Write("a.csv.zst", bomb))], new PrepareParameters(), Output));
        Assert.Equal(DatasetReasons.TooLarge, exception.Reason);
    }

    private static byte[] Decompress(byte[] frames)
    {
        using var stream = new ZstandardStream(new MemoryStream(frames));
        using var output = new MemoryStream();
        stream.CopyTo(output);
        return output.ToArray();
    }
}
