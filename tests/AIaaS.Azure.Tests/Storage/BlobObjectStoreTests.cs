using AIaaS.Functions.Hosts.Azure.Storage;
using AIaaS.Platform.Storage;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;
using Moq;

namespace AIaaS.Azure.Tests.Storage;

public sealed class BlobObjectStoreTests : IDisposable
{
    private static readonly ObjectPath Path = new(BlobFake.Container, BlobFake.Name);
    private static readonly Uri Anywhere = new("http://127.0.0.1:7071/");

    private readonly BlobFake _fake = new();
    private readonly SteppedTime _time = new();
    private readonly BlobObjectStore _store;
    private readonly List<BlobUploadOptions> _uploads = [];
    private readonly List<BlobDownloadOptions> _downloads = [];

    public BlobObjectStoreTests() => _store = new BlobObjectStore(_fake.Service.Object, _time);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Properties_come_with_an_etag_without_quotes_and_metadata_in_lower_case()
    {
        _fake.HasProperties(7, "\"0x8D1\"", new() { ["Created"] = "now" });

        var properties = (await _store.GetPropertiesAsync(Path, default))!;

        Assert.Equal((Path, "0x8D1", 7L, BlobFake.Modified), (properties.Path, properties.ETag, properties.Length, properties.LastModified));
        Assert.Equal("now", properties.Metadata["created"]);
    }

    [Theory]
    [InlineData("BlobNotFound")]
    [InlineData("ContainerNotFound")]
    public async Task What_is_not_there_is_null(string code)
    {
        _fake.Blob.Setup(blob => blob.GetPropertiesAsync(null, It.IsAny<CancellationToken>())).Returns(BlobFake.Fails<Response<BlobProperties>>(404, code));
        _fake.Blob.Setup(blob => blob.DownloadStreamingAsync(It.IsAny<BlobDownloadOptions>(), It.IsAny<CancellationToken>()))
            .Returns(BlobFake.Fails<Response<BlobDownloadStreamingResult>>(404, code));

        Assert.Null(await _store.GetPropertiesAsync(Path, default));
        Assert.Null(await _store.OpenReadAsync(Path, null, default));
    }

    [Fact]
    public async Task Another_refusal_than_missing_is_no_absence()
    {
        _fake.Blob.Setup(blob => blob.GetPropertiesAsync(null, It.IsAny<CancellationToken>())).Returns(BlobFake.Fails<Response<BlobProperties>>(403, "AuthorizationFailure"));

        await Assert.ThrowsAsync<RequestFailedException>(() => _store.GetPropertiesAsync(Path, default));
    }

    [Fact]
    public async Task A_whole_blob_is_read_by_one_request_without_a_range()
    {
        Downloads("content", contentRange: null);

        await using var content = (await _store.OpenReadAsync(Path, null, default))!;

        Assert.Equal("content", await new StreamReader(content.Stream).ReadToEndAsync());
        Assert.Equal(("0x8D1", 7L), (content.Properties.ETag, content.Properties.Length));
        Assert.Equal(default, Assert.Single(_downloads).Range);
    }

    [Fact]
    public async Task A_part_has_the_length_of_the_whole_in_its_properties()
    {
        Downloads("nten", contentRange: "bytes 2-5/7");

        await using var content = (await _store.OpenReadAsync(Path, new ObjectRange(2, 4), default))!;

        Assert.Equal("nten", await new StreamReader(content.Stream).ReadToEndAsync());
        Assert.Equal(7, content.Properties.Length);
        Assert.Equal(new HttpRange(2, 4), Assert.Single(_downloads).Range);
    }

    [Theory]
    [InlineData(7, null)]
    [InlineData(100, 5L)]
    public async Task A_part_beyond_the_end_is_empty(long offset, long? length)
    {
        _fake.HasProperties(7);
        _fake.Blob.Setup(blob => blob.DownloadStreamingAsync(It.IsAny<BlobDownloadOptions>(), It.IsAny<CancellationToken>()))
            .Returns(BlobFake.Fails<Response<BlobDownloadStreamingResult>>(416, "InvalidRange"));

        await using var content = (await _store.OpenReadAsync(Path, new ObjectRange(offset, length), default))!;

        Assert.Equal(0, await content.Stream.ReadAsync(new byte[1]));
        Assert.Equal(7, content.Properties.Length);
    }

    [Fact]
    public async Task A_part_of_no_length_is_empty_and_not_asked_for()
    {
        _fake.HasProperties(7);

        await using var content = (await _store.OpenReadAsync(Path, new ObjectRange(3, 0), default))!;

        Assert.Equal(0, await content.Stream.ReadAsync(new byte[1]));
    }

    [Fact]
    public async Task A_write_keeps_metadata_and_tells_the_new_version()
    {
        Takes(bytes: 7);

        var written = await _store.WriteAsync(Path, Stream("content"), new WriteOptions { Metadata = new Dictionary<string, string> { ["created"] = "now" } }, default);

        Assert.Equal(("0x8D2", 7L, "now"), (written.ETag, written.Length, written.Metadata["created"]));
        Assert.Equal("now", Assert.Single(_uploads).Metadata["created"]);
        Assert.Null(_uploads[0].Conditions);
    }

    [Fact]
    public async Task A_stream_without_a_length_is_counted_and_sent_in_blocks_of_bounded_size()
    {
        Takes(bytes: 100_000);

        var written = await _store.WriteAsync(Path, new ForwardStream(100_000), null, default);

        Assert.Equal(100_000, written.Length);
        var transfer = Assert.Single(_uploads).TransferOptions;
        Assert.InRange(transfer.MaximumTransferSize!.Value * (transfer.MaximumConcurrency!.Value + 1) + transfer.InitialTransferSize!.Value, 1, 32 << 20);
        // Enough for the largest upload that a function takes.
        Assert.InRange(transfer.MaximumTransferSize.Value * 50_000, 64L << 30, long.MaxValue);
    }

    [Fact]
    public async Task A_stream_that_was_read_in_part_is_as_long_as_its_rest()
    {
        Takes(bytes: 4);
        var stream = Stream("content");
        stream.Position = 3;

        Assert.Equal(4, (await _store.WriteAsync(Path, stream, null, default)).Length);
    }

    [Fact]
    public async Task A_create_only_write_is_one_for_the_service_to_refuse()
    {
        Takes(bytes: 7);

        await _store.WriteAsync(Path, Stream("content"), WriteOptions.CreateOnly, default);

        Assert.Equal((ETag.All, null), (Assert.Single(_uploads).Conditions.IfNoneMatch, _uploads[0].Conditions.IfMatch));
    }

    [Fact]
    public async Task A_write_over_a_version_names_it_in_quotes()
    {
        Takes(bytes: 7);

        await _store.WriteAsync(Path, Stream("content"), new WriteOptions { IfMatch = "0x8D1" }, default);

        Assert.Equal("\"0x8D1\"", Assert.Single(_uploads).Conditions.IfMatch.ToString());
    }

    [Theory]
    [InlineData(409, "BlobAlreadyExists")]
    [InlineData(412, "ConditionNotMet")]
    [InlineData(400, "InvalidBlockList")]
    public async Task A_refused_condition_is_told_as_one(int status, string code)
    {
        Refuses(status, code);

        await Assert.ThrowsAsync<PreconditionFailedException>(() => _store.WriteAsync(Path, Stream("content"), WriteOptions.CreateOnly, default));
    }

    [Theory]
    [InlineData(403, "AuthorizationFailure")]
    [InlineData(409, "LeaseIdMissing")]
    [InlineData(400, "InvalidBlockList")]
    public async Task Another_refusal_of_a_write_is_told_as_it_is(int status, string code)
    {
        Refuses(status, code);

        await Assert.ThrowsAsync<RequestFailedException>(() => _store.WriteAsync(Path, Stream("content"), null, default));
    }

    [Fact]
    public async Task A_missing_container_is_made_with_the_first_write_and_asked_for_once()
    {
        _fake.Exists = false;
        Takes(bytes: 7);

        await _store.WriteAsync(Path, Stream("content"), null, default);
        await _store.WriteAsync(Path, Stream("content"), null, default);

        Assert.True(_fake.Exists);
        _fake.ContainerClient.Verify(container => container.ExistsAsync(It.IsAny<CancellationToken>()), Times.Once);
    }

    [Fact]
    public async Task A_container_that_is_there_is_not_made()
    {
        Takes(bytes: 7);

        await _store.WriteAsync(Path, Stream("content"), null, default);

        _fake.ContainerClient.Verify(
            container => container.CreateIfNotExistsAsync(
                It.IsAny<PublicAccessType>(), It.IsAny<IDictionary<string, string>>(), It.IsAny<BlobContainerEncryptionScopeOptions>(), It.IsAny<CancellationToken>()),
            Times.Never);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_delete_tells_whether_there_was_anything(bool existed)
    {
        Deletes(null, Task.FromResult(Response.FromValue(existed, BlobFake.Answer)));

        Assert.Equal(existed, await _store.DeleteAsync(Path, null, default));
    }

    [Fact]
    public async Task A_delete_spares_another_version()
    {
        Deletes("\"0x8D1\"", BlobFake.Fails<Response<bool>>(412, "ConditionNotMet"));

        await Assert.ThrowsAsync<PreconditionFailedException>(() => _store.DeleteAsync(Path, "0x8D1", default));
    }

    [Fact]
    public async Task A_listing_fills_its_page_from_several_of_the_service()
    {
        var asked = Lists(("", ["a", "b"], "after-b"), ("after-b", [], "after-nothing"), ("after-nothing", ["c", "d"], "after-d"));

        var page = await _store.ListAsync(BlobFake.Container, "default/", 4, null, default);

        Assert.Equal(["a", "b", "c", "d"], page.Items.Select(item => item.Path.Name));
        Assert.Equal("after-d", page.Continuation);
        Assert.Equal([4, 2, 2], asked.Select(each => each!.Value));
        Assert.All(page.Items, item => Assert.Equal(("0x8D1", 7L, "now"), (item.ETag, item.Length, item.Metadata["created"])));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task The_last_page_has_no_continuation(string? end)
    {
        Lists(("after-b", ["c"], end));

        var page = await _store.ListAsync(BlobFake.Container, "default/", 4, "after-b", default);

        Assert.Single(page.Items);
        Assert.Null(page.Continuation);
    }

    [Fact]
    public async Task A_listing_asks_for_no_more_than_the_service_gives()
    {
        var asked = Lists(("", ["a"], null));

        await _store.ListAsync(BlobFake.Container, "default/", 1_000_000, null, default);

        Assert.Equal(5000, Assert.Single(asked));
    }

    [Fact]
    public async Task A_container_that_nobody_wrote_to_lists_nothing()
    {
        var blobs = new Mock<AsyncPageable<BlobItem>>();
        blobs.Setup(pageable => pageable.AsPages(It.IsAny<string>(), It.IsAny<int?>())).Throws(BlobFake.Refusal(404, "ContainerNotFound"));
        Gives(blobs.Object);

        Assert.Empty((await _store.ListAsync(BlobFake.Container, "default/", 10, null, default)).Items);
    }

    [Fact]
    public async Task An_upload_url_is_signed_with_the_accounts_key_where_the_client_has_it()
    {
        BlobSasBuilder? signed = null;
        _fake.Blob.Setup(blob => blob.Uri).Returns(new Uri("http://127.0.0.1:10000/devstoreaccount1/runs/default/a.json"));
        _fake.Blob.Setup(blob => blob.CanGenerateSasUri).Returns(true);
        _fake.Blob.Setup(blob => blob.GenerateSasUri(It.IsAny<BlobSasBuilder>())).Callback((BlobSasBuilder builder) => signed = builder).Returns(new Uri("http://signed/"));

        var url = await _store.CreateUploadUrlAsync(Path, TimeSpan.FromHours(1), Anywhere, default);

        Assert.Equal("http://signed/", url.Url.AbsoluteUri);
        Assert.Equal("BlockBlob", url.Headers["x-ms-blob-type"]);
        Assert.Equal(_time.GetUtcNow().AddHours(1), url.Expires);
        Assert.Equal((BlobFake.Container, BlobFake.Name, url.Expires, SasProtocol.HttpsAndHttp), (signed!.BlobContainerName, signed.BlobName, signed.ExpiresOn, signed.Protocol));
    }

    [Fact]
    public async Task An_upload_url_goes_by_a_delegated_key_else_which_serves_until_it_would_end_too_soon()
    {
        var asked = 0;
        _fake.Blob.Setup(blob => blob.Uri).Returns(new Uri("https://account.blob.core.windows.net/runs/default/a.json"));
        _fake.Blob.Setup(blob => blob.CanGenerateSasUri).Returns(false);
        _fake.Blob.Setup(blob => blob.GenerateUserDelegationSasUri(It.Is<BlobSasBuilder>(builder => builder.Protocol == SasProtocol.Https), It.IsAny<UserDelegationKey>()))
            .Returns((BlobSasBuilder builder, UserDelegationKey key) => new Uri($"https://signed/{key.Value}?in-time={builder.ExpiresOn < key.SignedExpiresOn}"));
        _fake.Service.Setup(service => service.GetUserDelegationKeyAsync(It.IsAny<DateTimeOffset?>(), It.IsAny<DateTimeOffset>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync((DateTimeOffset? starts, DateTimeOffset expires, CancellationToken _) => Response.FromValue(
                BlobsModelFactory.UserDelegationKey("object", "tenant", starts!.Value, expires, "b", "2026-02-06", $"key-{++asked}"), BlobFake.Answer));

        var first = await UrlAsync();
        _time.Advance(TimeSpan.FromHours(20));
        var second = await UrlAsync();
        _time.Advance(TimeSpan.FromHours(4));
        var third = await UrlAsync();

        Assert.Equal(["https://signed/key-1?in-time=True", "https://signed/key-1?in-time=True", "https://signed/key-2?in-time=True"], new[] { first, second, third });

        async Task<string> UrlAsync() => (await _store.CreateUploadUrlAsync(Path, TimeSpan.FromHours(1), Anywhere, default)).Url.AbsoluteUri;
    }

    private static MemoryStream Stream(string text) => new(System.Text.Encoding.UTF8.GetBytes(text));

    private void Downloads(string content, string? contentRange)
        => _fake.Blob.Setup(blob => blob.DownloadStreamingAsync(It.IsAny<BlobDownloadOptions>(), It.IsAny<CancellationToken>()))
            .Callback((BlobDownloadOptions options, CancellationToken _) => _downloads.Add(options))
            .ReturnsAsync(() => Response.FromValue(
                BlobsModelFactory.BlobDownloadStreamingResult(
                    Stream(content),
                    BlobsModelFactory.BlobDownloadDetails(contentLength: content.Length, lastModified: BlobFake.Modified, contentRange: contentRange, eTag: new ETag("\"0x8D1\""))),
                BlobFake.Answer));

    private void Takes(int bytes)
        => _fake.Blob.Setup(blob => blob.UploadAsync(It.IsAny<Stream>(), It.IsAny<BlobUploadOptions>(), It.IsAny<CancellationToken>()))
            .Returns(async (Stream content, BlobUploadOptions options, CancellationToken cancellationToken) =>
            {
                using var taken = new MemoryStream();
                await content.CopyToAsync(taken, cancellationToken);
                Assert.Equal(bytes, taken.Length);
                _uploads.Add(options);
                return Response.FromValue(
                    BlobsModelFactory.BlobContentInfo(new ETag("\"0x8D2\""), BlobFake.Modified, null, null, null, null, 0), BlobFake.Answer);
            });

    private void Refuses(int status, string code)
        => _fake.Blob.Setup(blob => blob.UploadAsync(It.IsAny<Stream>(), It.IsAny<BlobUploadOptions>(), It.IsAny<CancellationToken>()))
            .Returns(BlobFake.Fails<Response<BlobContentInfo>>(status, code));

    private void Deletes(string? eTag, Task<Response<bool>> answer)
        => _fake.Blob
            .Setup(blob => blob.DeleteIfExistsAsync(
                DeleteSnapshotsOption.IncludeSnapshots,
                It.Is<BlobRequestConditions>(conditions => (conditions == null ? null : conditions.IfMatch.ToString()) == eTag),
                It.IsAny<CancellationToken>()))
            .Returns(answer);

    /// <returns>How many items were asked for, each time.</returns>
    private List<int?> Lists(params (string After, string[] Names, string? Continuation)[] pages)
    {
        var asked = new List<int?>();
        var blobs = new Mock<AsyncPageable<BlobItem>>();
        blobs.Setup(pageable => pageable.AsPages(It.IsAny<string>(), It.IsAny<int?>())).Returns((string? after, int? limit) =>
        {
            asked.Add(limit);
            var (_, names, continuation) = pages.Single(page => page.After == (after ?? ""));
            return OnePage(Page<BlobItem>.FromValues([.. names.Select(Item)], continuation, BlobFake.Answer));
        });
        Gives(blobs.Object);
        return asked;
    }

    private void Gives(AsyncPageable<BlobItem> blobs)
        => _fake.ContainerClient
            .Setup(container => container.GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, "default/", It.IsAny<CancellationToken>()))
            .Returns(blobs);

    private static async IAsyncEnumerable<Page<BlobItem>> OnePage(Page<BlobItem> page)
    {
        await Task.CompletedTask;
        yield return page;
    }

    private static BlobItem Item(string name) => BlobsModelFactory.BlobItem(
        name: name,
        properties: BlobsModelFactory.BlobItemProperties(accessTierInferred: true, contentLength: 7, lastModified: BlobFake.Modified, eTag: new ETag("0x8D1")),
        metadata: new Dictionary<string, string> { ["created"] = "now" });

    /// <summary>As a request's body is: read once, of unknown length.</summary>
    private sealed class ForwardStream(int length) : MemoryStream(new byte[length])
    {
        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();
    }
}
