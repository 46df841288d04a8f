using AIaaS.Platform.Storage;
using Moq;

namespace AIaaS.Platform.Tests.Storage;

public sealed class LocalFileCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly Mock<IObjectStore> _counted;
    private readonly LocalFileCache _cache;

    public LocalFileCacheTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _counted = new Mock<IObjectStore>();
        _counted.Setup(store => store.GetPropertiesAsync(It.IsAny<ObjectPath>(), It.IsAny<CancellationToken>()))
            .Returns((ObjectPath path, CancellationToken token) => _store.GetPropertiesAsync(path, token));
        _counted.Setup(store => store.OpenReadAsync(It.IsAny<ObjectPath>(), It.IsAny<ObjectRange?>(), It.IsAny<CancellationToken>()))
            .Returns((ObjectPath path, ObjectRange? range, CancellationToken token) => _store.OpenReadAsync(path, range, token));
        _cache = new LocalFileCache(_folder["cache"], maximumBytes: 25, _counted.Object);
    }

    public void Dispose()
    {
        _cache.Dispose();
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task An_object_is_copied_once()
    {
        await WriteAsync("a", "0123456789");

        using (var first = await OpenAsync("a")) Assert.Equal("0123456789", await File.ReadAllTextAsync(first!.Path));
        using (var second = await OpenAsync("a")) Assert.Equal("0123456789", await File.ReadAllTextAsync(second!.Path));

        Assert.Equal(1, Downloads);
    }

    [Fact]
    public async Task Those_who_ask_at_once_share_one_copy()
    {
        await WriteAsync("a", "0123456789");

        var files = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => OpenAsync("a")));

        Assert.Single(files.Select(file => file!.Path).Distinct());
        Assert.Equal(1, Downloads);
    }

    [Fact]
    public async Task An_object_that_changed_is_copied_anew_and_the_old_copy_stays_for_who_uses_it()
    {
        await WriteAsync("a", "old");
        var old = await OpenAsync("a");
        await WriteAsync("a", "new");

        using var next = await OpenAsync("a");

        Assert.Equal(("old", "new"), (await File.ReadAllTextAsync(old!.Path), await File.ReadAllTextAsync(next!.Path)));
        old.Dispose();
        Assert.False(File.Exists(old.Path));
    }

    [Fact]
    public async Task What_was_used_longest_ago_goes_when_there_is_too_much()
    {
        foreach (var name in (string[])["a", "b"])
        {
            await WriteAsync(name, "0123456789");
            (await OpenAsync(name))!.Dispose();
        }

        (await OpenAsync("a"))!.Dispose();
        await WriteAsync("c", "0123456789");
        (await OpenAsync("c"))!.Dispose();

        Assert.Equal(20, _cache.Bytes);
        (await OpenAsync("a"))!.Dispose();
        Assert.Equal(3, Downloads);
        (await OpenAsync("b"))!.Dispose();
        Assert.Equal(4, Downloads);
    }

    [Fact]
    public async Task What_is_larger_than_the_bound_can_be_used_and_goes_after_that()
    {
        await WriteAsync("a", new string('x', 100));

        using (var file = await OpenAsync("a")) Assert.Equal(100, new FileInfo(file!.Path).Length);

        Assert.Equal(0, _cache.Bytes);
        Assert.Empty(Directory.GetFiles(_folder["cache"]));
    }

    [Fact]
    public async Task An_object_that_is_not_there_has_no_copy()
    {
        Assert.Null(await OpenAsync("a"));
    }

    [Fact]
    public async Task What_an_earlier_process_left_is_removed()
    {
        Directory.CreateDirectory(_folder["cache"]);
        _folder.Write(Path.Combine("cache", "left"), "x");
        await WriteAsync("a", "0123456789");

        using var file = await OpenAsync("a");

        Assert.Equal([file!.Path], Directory.GetFiles(_folder["cache"]));
    }

    [Fact]
    public async Task A_copy_that_breaks_off_leaves_nothing()
    {
        await WriteAsync("a", "0123456789");
        _counted.Setup(store => store.OpenReadAsync(It.IsAny<ObjectPath>(), It.IsAny<ObjectRange?>(), It.IsAny<CancellationToken>()))
            .Returns(async (ObjectPath path, ObjectRange? _, CancellationToken token) => new ObjectContent((await _store.GetPropertiesAsync(path, token))!, new BrokenStream()));

        await Assert.ThrowsAsync<IOException>(() => OpenAsync("a"));

        Assert.Empty(Directory.GetFiles(_folder["cache"]));
    }

    private int Downloads => _counted.Invocations.Count(call => call.Method.Name == nameof(IObjectStore.OpenReadAsync));

    private Task<LocalFile?> OpenAsync(string name) => _cache.OpenAsync(new ObjectPath("datasets", name), default);

    private async Task WriteAsync(string name, string text)
        => await _store.WriteAsync(new ObjectPath("datasets", name), new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), null, default);

    private sealed class BrokenStream : MemoryStream
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => throw new IOException("The store is gone.");
    }
}
