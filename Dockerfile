# syntax=docker/dockerfile:1
# A static program in an image that holds nothing else but certificates, time
# zones, and one busybox applet for the health check.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -tags nomsgpack -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /sluice .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=busybox:1.37-musl /bin/busybox /bin/wget
COPY --from=build /sluice /sluice
# Inside a container only its network decides who reaches the server.
ENV SLUICE_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/sluice"]
CMD ["serve"]
