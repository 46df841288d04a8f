using System.Globalization;
using System.Text;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Tests.Storage;

public sealed class FileObjectStoreTests : IDisposable
{
    private static readonly ObjectPath Document = new("catalog", "default/datasets/penguins.json");

    private readonly TemporaryFolder _home = new();
    private readonly SteppedTime _time = new();
    private readonly FileObjectStore _store;

    public FileObjectStoreTests() => _store = Open();

    public void Dispose()
    {
        _store.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task What_is_written_is_read_back_with_its_properties()
    {
        var metadata = new Dictionary<string, string> { ["rows"] = "344" };
        var written = await WriteAsync(Document, "{}", new WriteOptions { Metadata = metadata });

        await using var content = await _store.OpenReadAsync(Document, null, default);
        Assert.Equal("{}", await TextAsync(content!.Stream));
        Assert.Equivalent(written, content.Properties, strict: true);
        Assert.Equivalent(written, await _store.GetPropertiesAsync(Document, default), strict: true);
        Assert.Equal(metadata, content.Properties.Metadata);
        Assert.Equal(2, written.Length);
        Assert.Equal(_time.GetUtcNow(), written.LastModified);
        Assert.DoesNotContain('"', written.ETag);
    }

    [Fact]
    public async Task An_object_is_a_plain_file_that_people_can_look_at()
    {
        await WriteAsync(Document, "hello");
        Assert.Equal("hello", await File.ReadAllTextAsync(_home["storage", "catalog", "default", "datasets", "penguins.json"]));
    }

    [Fact]
    public async Task A_file_copied_in_by_a_person_is_an_object_without_metadata()
    {
        await WriteAsync(Document, "ours", new WriteOptions { Metadata = new Dictionary<string, string> { ["kind"] = "ours" } });
        await File.WriteAllTextAsync(_home["storage", "catalog", "default", "datasets", "penguins.json"], "theirs");

        var properties = await _store.GetPropertiesAsync(Document, default);
        Assert.Equal(6, properties!.Length);
        Assert.Empty(properties.Metadata);
    }

    [Fact]
    public async Task What_is_not_there_is_null()
    {
        Assert.Null(await _store.GetPropertiesAsync(Document, default));
        Assert.Null(await _store.OpenReadAsync(Document, null, default));
        Assert.False(await _store.DeleteAsync(Document, null, default));
        await WriteAsync(Document, "");
        Assert.Null(await _store.GetPropertiesAsync(new ObjectPath("catalog", "default/datasets"), default));
        Assert.Null(await _store.OpenReadAsync(new ObjectPath("catalog", "default/datasets"), null, default));
        Assert.Null(await _store.OpenReadAsync(Document with { Name = Document.Name + "/inner" }, null, default));
    }

    [Fact]
    public async Task Every_write_changes_the_etag_even_of_equal_content_in_one_instant()
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 100; i++) Assert.True(seen.Add((await WriteAsync(Document, "same")).ETag));
    }

    [Fact]
    public async Task A_write_after_a_restart_with_an_earlier_clock_has_a_later_time()
    {
        var before = await WriteAsync(Document, "same");
        _store.Dispose();
        using var restarted = Open(new SteppedTime(_time.GetUtcNow().AddHours(-1)));

        var after = await restarted.WriteAsync(Document, Content("same"), null, default);
        Assert.True(after.LastModified > before.LastModified);
        Assert.NotEqual(before.ETag, after.ETag);
    }

    [Theory]
    [InlineData(0, null, "0123456789")]
    [InlineData(3, null, "3456789")]
    [InlineData(3, 4L, "3456")]
    [InlineData(8, 100L, "89")]
    [InlineData(10, null, "")]
    [InlineData(50, 1L, "")]
    public async Task A_range_gives_the_bytes_asked_for(long offset, long? length, string expected)
    {
        await WriteAsync(Document, "0123456789");
        await using var content = await _store.OpenReadAsync(Document, new ObjectRange(offset, length), default);
        Assert.Equal(expected, await TextAsync(content!.Stream));
        Assert.Equal(10, content.Properties.Length);
    }

    [Fact]
    public async Task An_open_object_keeps_its_version_though_it_is_replaced_and_deleted()
    {
        var first = await WriteAsync(Document, new string('a', 100_000), Metadata("n", "1"));
        await using var content = await _store.OpenReadAsync(Document, null, default);
        await WriteAsync(Document, "b", Metadata("n", "2"));
        await _store.DeleteAsync(Document, null, default);

        Assert.Equal(new string('a', 100_000), await TextAsync(content!.Stream));
        Assert.Equal(first.ETag, content.Properties.ETag);
        Assert.Equal("1", content.Properties.Metadata["n"]);
    }

    [Fact]
    public async Task Nothing_is_seen_of_a_write_that_fails_midway()
    {
        var before = await WriteAsync(Document, "whole", Metadata("n", "1"));
        await Assert.ThrowsAsync<IOException>(() => _store.WriteAsync(Document, new BreakingStream(1_000_000), Metadata("n", "2"), default));

        Assert.Equivalent(before, await _store.GetPropertiesAsync(Document, default), strict: true);
        Assert.Empty(StagedFiles());
    }

    [Fact]
    public async Task A_write_that_is_cancelled_leaves_nothing()
    {
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _store.WriteAsync(Document, new CancellingStream(source), null, source.Token));
        Assert.Null(await _store.GetPropertiesAsync(Document, default));
        Assert.Empty(StagedFiles());
    }

    [Fact]
    public async Task A_large_stream_is_not_held_in_memory()
    {
        const long Length = 256L << 20;
        using var store = new FileObjectStore(new FileObjectStoreOptions { Root = _home["storage"], FlushToDisk = false }, _time);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await store.WriteAsync(Document, new GeneratedStream(Length), null, default);
        await using (var content = await store.OpenReadAsync(Document, null, default)) await content!.Stream.CopyToAsync(Stream.Null);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.Equal(Length, (await store.GetPropertiesAsync(Document, default))!.Length);
        Assert.InRange(allocated, 0, 64L << 20);
    }

    [Fact]
    public async Task A_create_only_write_is_refused_over_an_object()
    {
        await WriteAsync(Document, "first", WriteOptions.CreateOnly);
        var refusal = await Assert.ThrowsAsync<PreconditionFailedException>(() => WriteAsync(Document, "second", WriteOptions.CreateOnly));
        Assert.Equal(Document, refusal.Path);
        Assert.Equal("first", await ReadAsync(Document));
    }

    [Fact]
    public async Task A_write_over_another_version_than_expected_is_refused()
    {
        var first = await WriteAsync(Document, "first");
        await WriteAsync(Document, "second", new WriteOptions { IfMatch = first.ETag });
        await Assert.ThrowsAsync<PreconditionFailedException>(() => WriteAsync(Document, "third", new WriteOptions { IfMatch = first.ETag }));
        Assert.Equal("second", await ReadAsync(Document));
    }

    [Fact]
    public async Task A_write_over_a_version_of_nothing_is_refused() =>
        await Assert.ThrowsAsync<PreconditionFailedException>(() => WriteAsync(Document, "x", new WriteOptions { IfMatch = "1-1" }));

    [Fact]
    public async Task A_refused_write_does_not_read_its_content()
    {
        await WriteAsync(Document, "first");
        var content = Content("second");
        await Assert.ThrowsAsync<PreconditionFailedException>(() => _store.WriteAsync(Document, content, WriteOptions.CreateOnly, default));
        Assert.Equal(0, content.Position);
    }

    [Fact]
    public async Task A_conditional_delete_spares_another_version()
    {
        var first = await WriteAsync(Document, "first", Metadata("n", "1"));
        var second = await WriteAsync(Document, "second", Metadata("n", "2"));
        await Assert.ThrowsAsync<PreconditionFailedException>(() => _store.DeleteAsync(Document, first.ETag, default));
        Assert.True(await _store.DeleteAsync(Document, second.ETag, default));
        Assert.Null(await _store.GetPropertiesAsync(Document, default));
    }

    [Fact]
    public async Task Of_many_creators_at_once_one_wins()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
        {
            try
            {
                await WriteAsync(Document, i.ToString(CultureInfo.InvariantCulture), WriteOptions.CreateOnly);
                return i;
            }
            catch (PreconditionFailedException)
            {
                return -1;
            }
        })));

        var winner = Assert.Single(outcomes, outcome => outcome >= 0);
        Assert.Equal(winner.ToString(CultureInfo.InvariantCulture), await ReadAsync(Document));
    }

    [Fact]
    public async Task Writers_that_compare_and_swap_lose_no_count()
    {
        const int Writers = 8;
        const int Increments = 25;
        await WriteAsync(Document, "0", Metadata("count", "0"));
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < Increments;)
            {
                await using var content = await _store.OpenReadAsync(Document, null, default);
                var text = await TextAsync(content!.Stream);

                // Metadata and content are always of one version.
                Assert.Equal(text, content.Properties.Metadata["count"]);
                var next = (int.Parse(text, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture);
                try
                {
                    await WriteAsync(Document, next, Metadata("count", next) with { IfMatch = content.Properties.ETag });
                    done++;
                }
                catch (PreconditionFailedException)
                {
                }
            }
        })));

        Assert.Equal((Writers * Increments).ToString(CultureInfo.InvariantCulture), await ReadAsync(Document));
    }

    [Fact]
    public async Task A_crash_between_metadata_and_content_leaves_the_old_version_with_its_own_metadata()
    {
        var old = await WriteAsync(Document, "old", Metadata("n", "1"));
        var file = _home["storage", "catalog", "default", "datasets", "penguins.json"];
        await WriteAsync(Document, "new", Metadata("n", "2"));

        // As after a kill just before the rename: the metadata of the write is there and its content is not.
        await File.WriteAllTextAsync(file, "old");
        File.SetLastWriteTimeUtc(file, old.LastModified.UtcDateTime);

        Assert.Equivalent(old, await _store.GetPropertiesAsync(Document, default), strict: true);
    }

    [Fact]
    public async Task A_spoilt_metadata_file_leaves_the_object_readable()
    {
        await WriteAsync(Document, "text", Metadata("n", "1"));
        await File.WriteAllTextAsync(_home["storage", "catalog", "default", "datasets", ".meta", "penguins.json.json"], "{\"1-");
        Assert.Equal("text", await ReadAsync(Document));
        Assert.Empty((await _store.GetPropertiesAsync(Document, default))!.Metadata);
    }

    [Fact]
    public void What_a_killed_writer_staged_is_removed_at_the_next_start()
    {
        var left = _home["storage", ".staging", "0123"];
        Directory.CreateDirectory(left);
        File.WriteAllText(Path.Combine(left, "half"), "half");
        File.WriteAllText(left + ".lock", "");

        using var restarted = Open();
        Assert.False(Directory.Exists(left));
        Assert.False(File.Exists(left + ".lock"));
    }

    [Fact]
    public async Task A_start_spares_what_a_living_writer_stages()
    {
        var content = new GatedStream();
        var writing = _store.WriteAsync(Document, content, null, default);
        await content.Reached.WaitAsync(TimeSpan.FromSeconds(30));
        using var other = Open();
        content.Release();

        Assert.Equal(GatedStream.Length, (await writing).Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../secret")]
    [InlineData("a/../../secret")]
    [InlineData("a\\..\\secret")]
    [InlineData("C:/secret")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData(".hidden")]
    [InlineData("a/.meta/b.json")]
    [InlineData(".staging/x")]
    [InlineData("half.part")]
    [InlineData("half.TMP")]
    public async Task A_name_that_leads_astray_is_refused(string name)
    {
        var path = new ObjectPath("catalog", name);
        await Assert.ThrowsAnyAsync<ArgumentException>(() => WriteAsync(path, "x"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.OpenReadAsync(path, null, default));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.GetPropertiesAsync(path, default));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.DeleteAsync(path, null, default));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.CreateUploadUrlAsync(path, TimeSpan.FromMinutes(1), new Uri("http://localhost"), default));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ab")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("Catalog")]
    [InlineData(".staging")]
    public async Task A_container_out_of_pattern_is_refused(string container)
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(() => WriteAsync(new ObjectPath(container, "x"), "x"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.ListAsync(container, "", 10, null, default));
    }

    [Fact]
    public async Task A_name_too_long_for_a_file_system_is_refused() =>
        await Assert.ThrowsAnyAsync<ArgumentException>(() => WriteAsync(new ObjectPath("catalog", new string('x', 251)), "x"));

    [Fact]
    public async Task The_longest_name_takes_metadata() =>
        Assert.Equal("1", (await WriteAsync(new ObjectPath("catalog", new string('x', 250)), "x", Metadata("n", "1"))).Metadata["n"]);

    [Fact]
    public async Task A_name_of_a_folder_of_objects_cannot_be_written()
    {
        await WriteAsync(new ObjectPath("catalog", "a/b"), "x");
        await Assert.ThrowsAsync<IOException>(() => WriteAsync(new ObjectPath("catalog", "a"), "x"));
        await Assert.ThrowsAsync<IOException>(() => WriteAsync(new ObjectPath("catalog", "a/b/c"), "x"));
        Assert.Empty(StagedFiles());
    }

    [Fact]
    public async Task Links_are_no_objects_and_lead_nowhere()
    {
        if (OperatingSystem.IsWindows()) return;
        Directory.CreateDirectory(_home["outside"]);
        await File.WriteAllTextAsync(_home["outside", "secret"], "secret");
        Directory.CreateDirectory(_home["storage", "catalog", "a"]);
        Directory.CreateSymbolicLink(_home["storage", "catalog", "a", "folder"], _home["outside"]);
        File.CreateSymbolicLink(_home["storage", "catalog", "a", "file"], _home["outside", "secret"]);

        Assert.Null(await _store.OpenReadAsync(new ObjectPath("catalog", "a/folder/secret"), null, default));
        Assert.Null(await _store.OpenReadAsync(new ObjectPath("catalog", "a/file"), null, default));
        Assert.Null(await _store.GetPropertiesAsync(new ObjectPath("catalog", "a/file"), default));
        await Assert.ThrowsAsync<IOException>(() => WriteAsync(new ObjectPath("catalog", "a/folder/new"), "x"));
        Assert.Empty((await _store.ListAsync("catalog", "", 10, null, default)).Items);
        Assert.Empty((await _store.ListAsync("catalog", "a/folder/", 10, null, default)).Items);
        Assert.Equal(["secret"], Directory.EnumerateFileSystemEntries(_home["outside"]).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("Key")]
    [InlineData("a-b")]
    [InlineData("")]
    [InlineData("1a")]
    public async Task A_metadata_key_out_of_pattern_is_refused(string key) =>
        await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync(Document, "x", Metadata(key, "1")));

    [Fact]
    public async Task A_metadata_value_beyond_ascii_is_refused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync(Document, "x", Metadata("a", "é")));

    [Fact]
    public async Task A_listing_gives_names_in_ordinal_order_with_metadata()
    {
        string[] names = ["a-b", "a/b", "a/c/d", "a0", "B", "b", "a/b-c", "a.x/y", "a/c.d", "ä"];
        foreach (var name in names) await WriteAsync(new ObjectPath("catalog", name), "x", Metadata("name", name == "ä" ? "umlaut" : name));

        var page = await _store.ListAsync("catalog", "", 100, null, default);
        Assert.Equal(names.Order(StringComparer.Ordinal), page.Items.Select(item => item.Path.Name));
        Assert.All(page.Items, item => Assert.Equal(item.Path.Name == "ä" ? "umlaut" : item.Path.Name, item.Metadata["name"]));
        Assert.Null(page.Continuation);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("a/")]
    [InlineData("a/b")]
    [InlineData("a/b/")]
    [InlineData("a/b/c")]
    [InlineData("zzz")]
    [InlineData("zzz/zzz/")]
    [InlineData("a-b/x/y/z")]
    public async Task Every_prefix_and_page_size_gives_each_object_once(string prefix)
    {
        string[] names = ["a", "a-b/c", "a-b/x", "a.b/c", "b/c/d", "b/c-d", "b/c0", "b/b", "z", "a0"];
        string[] nested = ["a/b", "a/b-1", "a/c"];
        foreach (var name in names.Where(name => name != "a").Concat(nested)) await WriteAsync(new ObjectPath("catalog", name), "x");
        var all = names.Where(name => name != "a").Concat(nested).Order(StringComparer.Ordinal).ToList();

        for (var limit = 1; limit <= all.Count + 1; limit++)
        {
            var seen = new List<string>();
            string? continuation = null;
            do
            {
                var page = await _store.ListAsync("catalog", prefix, limit, continuation, default);
                Assert.InRange(page.Items.Count, 0, limit);
                seen.AddRange(page.Items.Select(item => item.Path.Name));
                continuation = page.Continuation;
            }
            while (continuation is not null);

            Assert.Equal(all.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)), seen);
        }
    }

    [Fact]
    public async Task A_listing_goes_on_behind_its_continuation_though_that_object_is_gone()
    {
        foreach (var name in (string[])["a/1", "a/2", "a/3"]) await WriteAsync(new ObjectPath("catalog", name), "x");
        var first = await _store.ListAsync("catalog", "a/", 2, null, default);
        await _store.DeleteAsync(new ObjectPath("catalog", "a/2"), null, default);

        var second = await _store.ListAsync("catalog", "a/", 2, first.Continuation, default);
        Assert.Equal(["a/3"], second.Items.Select(item => item.Path.Name));
    }

    [Fact]
    public async Task Hidden_and_half_written_files_are_not_listed()
    {
        await WriteAsync(new ObjectPath("incoming", "t/p/a.csv"), "x", Metadata("n", "1"));
        foreach (var name in (string[])[".a.csv", "b.csv.part", "c.TMP", ".DS_Store"])
        {
            await File.WriteAllTextAsync(_home["storage", "incoming", "t", "p", name], "x");
        }

        var page = await _store.ListAsync("incoming", "", 100, null, default);
        Assert.Equal(["t/p/a.csv"], page.Items.Select(item => item.Path.Name));
    }

    [Theory]
    [InlineData("../")]
    [InlineData("a/../../b")]
    [InlineData("/etc")]
    [InlineData(".staging/")]
    public async Task A_prefix_that_leads_astray_is_refused(string prefix) =>
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _store.ListAsync("catalog", prefix, 10, null, default));

    [Fact]
    public async Task A_prefix_below_a_file_lists_nothing()
    {
        await WriteAsync(new ObjectPath("catalog", "a"), "x");
        Assert.Empty((await _store.ListAsync("catalog", "a/", 10, null, default)).Items);
    }

    [Fact]
    public async Task A_listing_while_objects_are_replaced_gives_each_with_its_metadata()
    {
        var path = new ObjectPath("catalog", "busy");
        await WriteAsync(path, "0", Metadata("n", "0"));
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            for (var i = 1; !stop.IsCancellationRequested; i++) await WriteAsync(path, "x", Metadata("n", i.ToString(CultureInfo.InvariantCulture)));
        });
        for (var i = 0; i < 200; i++)
        {
            var item = Assert.Single((await _store.ListAsync("catalog", "", 10, null, default)).Items);
            Assert.Single(item.Metadata);
        }

        await stop.CancelAsync();
        await writer;
    }

    private FileObjectStore Open(TimeProvider? time = null) =>
        new(new FileObjectStoreOptions { Root = _home["storage"] }, time ?? _time);

    private Task<ObjectProperties> WriteAsync(ObjectPath path, string text, WriteOptions? options = null) =>
        _store.WriteAsync(path, Content(text), options, default);

    private async Task<string> ReadAsync(ObjectPath path)
    {
        await using var content = await _store.OpenReadAsync(path, null, default);
        return await TextAsync(content!.Stream);
    }

    private static async Task<string> TextAsync(Stream stream)
    {
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    private static MemoryStream Content(string text) => new(Encoding.UTF8.GetBytes(text));

    private static WriteOptions Metadata(string key, string value) => new() { Metadata = new Dictionary<string, string> { [key] = value } };

    private List<string> StagedFiles() =>
        [.. Directory.EnumerateDirectories(_home["storage", ".staging"]).SelectMany(Directory.EnumerateFiles)];
}
