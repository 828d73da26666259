// A small HTTP server: says hello, and stops when it is told to.
var greeting = Environment.GetEnvironmentVariable("GREETING") ?? "Hello from .NET";
var app = WebApplication.CreateBuilder(args).Build();
app.MapGet("/", () => $"{greeting} ({Environment.Version})\n");
app.Run("http://0.0.0.0:8080");
